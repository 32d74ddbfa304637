#include "core/inject/body.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/code_bytes.h"

namespace memsnap {
namespace {

// Code at 0x1000.
CodeBytes at_1000(std::string_view digits) {
  return [bytes = test::code(digits)](AddressRange range) {
    const auto begin = std::min<std::size_t>(range.begin.value - 0x1000, bytes.size());
    const auto end = std::min<std::size_t>(range.end.value - 0x1000, bytes.size());
    return std::vector(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                       bytes.begin() + static_cast<std::ptrdiff_t>(end));
  };
}

AddressRange range(std::uint64_t begin, std::uint64_t end) { return {{begin}, {end}}; }

TEST_CASE("inlined code is left behind its last instruction, and where it jumps out", "[unit]") {
  //                          1000: je 1006; 1002: jmp 1010; 1004: nop; nop; 1006: nop
  const auto bytes = at_1000("7404 eb0c 90 90 90 90 90 90 90 90 90 90 90 90 90");
  const auto body = find_body({range(0x1000, 0x1008)}, bytes);
  CHECK(body.code == std::vector{range(0x1000, 0x1008)});
  CHECK(body.exits == std::vector<Address>{{0x1008}, {0x1010}});
  CHECK(body.contains({0x1007}));
  CHECK_FALSE(body.contains({0x1008}));
}

TEST_CASE("code that ends in a return has no exit of its own", "[unit]") {
  CHECK(find_body({range(0x1000, 0x1002)}, at_1000("90 c3")).exits.empty());
  CHECK(find_body({}, at_1000("90")).exits.empty());
}

TEST_CASE("a gap that is only passed through belongs to the code", "[unit]") {
  const auto passed = find_body({range(0x1004, 0x1005), range(0x1000, 0x1002)}, at_1000("90 90 4889e5 90 90"));
  CHECK(passed.code == std::vector{range(0x1000, 0x1002), range(0x1004, 0x1005)});  // in the middle of an instruction
  CHECK(find_body({range(0x1000, 0x1002), range(0x1005, 0x1006)}, at_1000("90 90 4889e5 90 90")).code ==
        std::vector{range(0x1000, 0x1006)});
  // A call, a jump and a return in the gap; and a first half that does not go on behind itself.
  for (const auto* digits : {"90 90 e800000000 90 90", "90 90 7400 909090 90 90", "90 90 c3 90909090 90 90"}) {
    const auto body = find_body({range(0x1000, 0x1002), range(0x1007, 0x1008)}, at_1000(digits));
    CHECK(body.code.size() == 2);
    CHECK(body.exits == std::vector<Address>{{0x1002}, {0x1008}});
  }
  CHECK(find_body({range(0x1000, 0x1002), range(0x1003, 0x1004)}, at_1000("eb05 90 90 90")).code.size() == 2);
}

TEST_CASE("where an instruction is not understood, what is known counts", "[unit]") {
  const auto body = find_body({range(0x1000, 0x1008)}, at_1000("7420 06 90 90 90 90 90"));
  CHECK(body.exits == std::vector<Address>{{0x1022}});
  CHECK(find_body({range(0x1000, 0x1008)}, at_1000("")).exits.empty());
}

}  // namespace
}  // namespace memsnap
