#include "core/trace/freed_blocks.h"

#include "tests/catch.h"

namespace memsnap {
namespace {

Freed freed(std::uint64_t address, std::uint64_t size, std::uint16_t space = 0) {
  Freed freed;
  freed.block.address = {address};
  freed.block.size = size;
  freed.block.space = Space(space);
  return freed;
}

TEST_CASE("without room no freed block is kept", "[unit]") {
  FreedBlocks blocks(0);
  blocks.add(freed(0x1000, 10));
  CHECK(blocks.find({0x1000}) == nullptr);
  CHECK(blocks.memory_bytes() == 0);
}

TEST_CASE("as many freed blocks are kept as there is room for, the last ones", "[unit]") {
  FreedBlocks blocks(3);
  for (std::uint64_t i = 1; i <= 7; ++i) {
    blocks.add(freed(i * 0x100, i));
    for (std::uint64_t kept = 1; kept <= 8; ++kept) {
      const auto* found = blocks.find_start({kept * 0x100}, Space());
      INFO(i << " added, " << kept);
      CHECK((found != nullptr) == (kept <= i && kept + 3 > i));
      CHECK((found == nullptr || found->block.size == kept));
    }
  }
  blocks.clear();
  CHECK(blocks.find({0x700}) == nullptr);
  blocks.add(freed(0x900, 9));
  CHECK(blocks.find({0x900}) != nullptr);
}

TEST_CASE("the last block that was freed around an address is found", "[unit]") {
  FreedBlocks blocks(4);
  blocks.add(freed(0x1000, 0x100));
  blocks.add(freed(0x1040, 0x10));
  blocks.add(freed(0x1040, 0x20, 1));
  blocks.add(freed(0x2000, 0));
  CHECK(blocks.find({0x1030})->block.address == Address{0x1000});
  CHECK(blocks.find({0x1048})->block.size == 0x20);
  CHECK(blocks.find({0x1060})->block.address == Address{0x1000});
  CHECK(blocks.find({0x1100}) == nullptr);
  CHECK(blocks.find({0x0fff}) == nullptr);
  CHECK(blocks.find({0x2000})->block.size == 0);
  CHECK(blocks.find_start({0x1040}, Space())->block.size == 0x10);
  CHECK(blocks.find_start({0x1040}, Space(1))->block.size == 0x20);
  CHECK(blocks.find_start({0x1048}, Space()) == nullptr);
}

}  // namespace
}  // namespace memsnap
