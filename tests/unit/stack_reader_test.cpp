#include <span>
#include <utility>
#include <vector>

#include "core/unwind/walk.h"
#include "tests/catch.h"
#include "tests/unit/fake_memory.h"

namespace memsnap {
namespace {

using test::FakeMemory;

TEST_CASE("a stack reader reads each page once", "[unit]") {
  FakeMemory memory;
  memory.map(0x10000, 0x4000);
  memory.put(0x10ff8, 7);
  StackReader reader(memory);
  const auto word = [&](std::uint64_t address) {
    std::uint64_t value = 0;
    const auto count = reader.read({address}, std::as_writable_bytes(std::span(&value, 1)));
    return std::pair(count, value);
  };
  CHECK(word(0x10800) == std::pair<std::size_t, std::uint64_t>{8, 0});
  CHECK(word(0x10ff8) == std::pair<std::size_t, std::uint64_t>{8, 7});
  CHECK(word(0x10000).first == 8);
  CHECK(memory.reads == 1);
  // Across the end of a page, and from there on in larger pieces.
  CHECK(word(0x10ffc).first == 8);
  CHECK(word(0x13ff8).first == 8);
  CHECK(memory.reads == 2);
  CHECK(word(0x13ffc).first == 4);
  CHECK(word(0x14000).first == 0);
  const auto reads = memory.reads;
  CHECK(word(0x14008).first == 0);
  CHECK(word(0x13000).first == 8);
  CHECK(memory.reads == reads);
}

TEST_CASE("a stack reader forgets at each stop", "[unit]") {
  FakeMemory memory;
  memory.map(0x10000, 0x1000);
  StackReader reader(memory);
  std::byte value{};
  CHECK(reader.read({0x10000}, {&value, 1}) == 1);
  memory.put(0x10000, 5);
  CHECK(reader.read({0x10000}, {&value, 1}) == 1);
  CHECK(value == std::byte{0});
  reader.reset();
  CHECK(reader.read({0x10000}, {&value, 1}) == 1);
  CHECK(value == std::byte{5});
}

TEST_CASE("a stack reader reads memory that begins inside a page, and none at the end of all", "[unit]") {
  FakeMemory memory;
  memory.map(0x10100, 0x100);
  StackReader reader(memory);
  std::vector<std::byte> bytes(0x200);
  CHECK(reader.read({0x10180}, bytes) == 0x80);
  CHECK(reader.read({0x10100}, bytes) == 0x100);
  CHECK(reader.read({0x10000}, bytes) == 0);
  CHECK(reader.read({~std::uint64_t{0} - 3}, bytes) == 0);
}

}  // namespace
}  // namespace memsnap
