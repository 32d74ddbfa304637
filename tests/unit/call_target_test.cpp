#include "plugin/call_target.h"

#include <initializer_list>

#include "tests/catch.h"
#include "tests/unit/fake_memory.h"

namespace memsnap {
namespace {

using test::FakeMemory;

constexpr std::uint64_t kCode = 0x10000;
constexpr std::uint64_t kLinkage = 0x11000;
constexpr std::uint64_t kSlot = 0x12000;
constexpr std::uint64_t kFunction = 0x7f0000001230;

struct Program {
  Program() {
    memory.map(kCode, 0x3000);
    put(kSlot, kFunction);
  }
  template <typename T>
  void put(std::uint64_t address, const T& value) {
    memory.put_bytes(address, &value, sizeof value);
  }
  // Bytes, and the distance to `target` from behind them.
  void code(std::uint64_t address, std::initializer_list<std::uint8_t> bytes, std::uint64_t target) {
    for (const auto byte : bytes) {
      put(address++, byte);
    }
    put(address, static_cast<std::int32_t>(target - (address + 4)));
  }

  FakeMemory memory;
};

TEST_CASE("a call says where it leads", "[unit]") {
  Program program;
  program.code(kCode, {0xe8}, kCode + 0x100);
  CHECK(call_target(program.memory, {kCode + 5}) == Address{kCode + 0x100});
  program.code(kCode, {0xff, 0x15}, kSlot);
  CHECK(call_target(program.memory, {kCode + 6}) == Address{kFunction});
}

TEST_CASE("a call through a linkage table leads to what that is bound to", "[unit]") {
  Program program;
  program.code(kCode, {0xe8}, kLinkage);
  program.code(kLinkage, {0xff, 0x25}, kSlot);
  CHECK(call_target(program.memory, {kCode + 5}) == Address{kFunction});
  program.code(kLinkage, {0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25}, kSlot);
  CHECK(call_target(program.memory, {kCode + 5}) == Address{kFunction});
  program.code(kLinkage, {0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25}, kSlot);
  CHECK(call_target(program.memory, {kCode + 5}) == Address{kFunction});
}

TEST_CASE("other instructions say nothing of where a call leads", "[unit]") {
  Program program;
  CHECK_FALSE(call_target(program.memory, {kCode + 0x20}));
  program.put(kCode + 0x1e, std::uint16_t{0xd0ff});  // call *%rax
  CHECK_FALSE(call_target(program.memory, {kCode + 0x20}));
  CHECK_FALSE(call_target(program.memory, {0x999000}));
  CHECK_FALSE(call_target(program.memory, {kCode}));
  program.code(kCode, {0xff, 0x15}, 0x999000);
  CHECK_FALSE(call_target(program.memory, {kCode + 6}));
}

}  // namespace
}  // namespace memsnap
