#include "core/unwind/fde_list.h"
#include "tests/catch.h"
#include "tests/unit/elf_builder.h"

namespace memsnap {
namespace {

using test::bytes_of;

TEST_CASE("a CFI program is sane if it is whole and names registers that could exist", "[unit]") {
  const auto is_sane = [](std::initializer_list<int> values) {
    const auto bytes = bytes_of(values);
    return is_sane_cfi_program({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  };
  CHECK(is_sane({}));
  CHECK(is_sane({0, 0x41, 0x0e, 16, 0x86, 2}));
  CHECK_FALSE(is_sane({0x0e}));                       // no operand
  CHECK_FALSE(is_sane({0x0e, 0x80}));                 // half an operand
  CHECK_FALSE(is_sane({0x0f, 4, 0x77}));              // a block longer than what is left
  CHECK_FALSE(is_sane({0x07, 0xff, 0xff, 0xff, 1}));  // register 4194303
  CHECK_FALSE(is_sane({0x0b}));                       // restores what was not remembered
  CHECK_FALSE(is_sane({0x3f}));                       // no such instruction
}

}  // namespace
}  // namespace memsnap
