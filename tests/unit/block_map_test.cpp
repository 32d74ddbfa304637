#include "core/heap/block_map.h"

#include <algorithm>
#include <vector>

#include "tests/catch.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

AddressRange block(std::uint64_t begin, std::uint64_t size) { return {{begin}, {begin + size}}; }

BlockIndex find(const std::vector<AddressRange>& blocks, std::uint64_t address) {
  return BlockMap(blocks).find({address});
}

TEST_CASE("a block map without blocks finds none", "[unit][heap]") {
  const BlockMap map({});
  CHECK(map.find({0}) == kNoBlock);
  CHECK(map.find({0x1000}) == kNoBlock);
  CHECK(map.find({~std::uint64_t{0}}) == kNoBlock);
  CHECK(map.pieces().empty());
  CHECK(map.first_from({0}) == 0);
}

TEST_CASE("an inner address is in its block, and one past the end is not", "[unit][heap]") {
  const std::vector blocks = {block(0x1000, 24), block(0x1020, 8)};
  CHECK(find(blocks, 0xfff) == kNoBlock);
  CHECK(find(blocks, 0x1000) == 0);
  CHECK(find(blocks, 0x1017) == 0);
  CHECK(find(blocks, 0x1018) == kNoBlock);
  CHECK(find(blocks, 0x1020) == 1);
  CHECK(find(blocks, 0x1028) == kNoBlock);
}

TEST_CASE("a block of no bytes is found at its own address", "[unit][heap]") {
  const std::vector blocks = {block(0x1000, 0), block(0x1020, 0)};
  CHECK(find(blocks, 0x1000) == 0);
  CHECK(find(blocks, 0x1001) == kNoBlock);
  CHECK(find(blocks, 0x1020) == 1);
}

TEST_CASE("of blocks that lie in one another the innermost is found", "[unit][heap]") {
  // A pool's block with two of the pool in it, the first at its beginning and with one inside once more.
  const std::vector blocks = {block(0x1000, 0x1000), block(0x1000, 0x100), block(0x1010, 0x10), block(0x1800, 8)};
  CHECK(find(blocks, 0x1000) == 1);
  CHECK(find(blocks, 0x1010) == 2);
  CHECK(find(blocks, 0x1020) == 1);
  CHECK(find(blocks, 0x1100) == 0);
  CHECK(find(blocks, 0x1804) == 3);
  CHECK(find(blocks, 0x1fff) == 0);
  CHECK(find(blocks, 0x2000) == kNoBlock);
  const BlockMap map(blocks);
  CHECK(map.enclosing(0) == kNoBlock);
  CHECK(map.enclosing(1) == 0);
  CHECK(map.enclosing(2) == 1);
  CHECK(map.enclosing(3) == 0);
  CHECK(map.pieces() == std::vector<BlockPiece>{{block(0x1000, 0x10), 1},
                                                {block(0x1010, 0x10), 2},
                                                {block(0x1020, 0xe0), 1},
                                                {block(0x1100, 0x700), 0},
                                                {block(0x1800, 8), 3},
                                                {block(0x1808, 0x7f8), 0}});
}

TEST_CASE("blocks far from one another, and larger than memory, take no room for what lies between", "[unit][heap]") {
  const std::vector blocks = {block(0x1000, 8), block(kGiB, 1000 * kGiB), block(1024 * kGiB, 16),
                              block(0x7fff'0000'0000, 32)};
  CHECK(find(blocks, 0x1007) == 0);
  CHECK(find(blocks, kGiB - 1) == kNoBlock);
  CHECK(find(blocks, kGiB) == 1);
  CHECK(find(blocks, 900 * kGiB) == 1);
  CHECK(find(blocks, 1001 * kGiB) == kNoBlock);
  CHECK(find(blocks, 1024 * kGiB + 15) == 2);
  CHECK(find(blocks, 0x7fff'0000'001f) == 3);
  CHECK(find(blocks, 0x7fff'0000'0020) == kNoBlock);
}

TEST_CASE("a block map agrees with looking at every block", "[unit][heap]") {
  unsigned random = 1;
  const auto next = [&random](unsigned most) {
    random = random * 1664525 + 1013904223;
    return (random >> 8U) % most;
  };
  for (int round = 0; round < 20; ++round) {
    std::vector<AddressRange> blocks;
    std::uint64_t at = 0x10000;
    for (int i = 0; i < 300; ++i) {
      const auto size = next(3) == 0 ? next(20000) : next(64);
      blocks.push_back(block(at, size));
      if (next(4) == 0 && size > 32) {
        blocks.push_back(block(at + next(16), next(16)));  // inside
      }
      at += size + next(40) + 1 + (next(50) == 0 ? 16'000'000 : 0);
    }
    std::ranges::sort(blocks, [](const AddressRange& left, const AddressRange& right) {
      return left.begin != right.begin ? left.begin < right.begin : left.end > right.end;
    });
    const BlockMap map(blocks);
    const auto naive = [&](std::uint64_t address) {
      auto found = kNoBlock;
      for (BlockIndex i = 0; i < blocks.size(); ++i) {
        const auto& [begin, end] = blocks[i];
        if (begin.value == address || (begin.value <= address && address < end.value)) {
          found = i;  // of those around it, the one that begins last
        }
      }
      return found;
    };
    int wrong = 0;
    for (const auto& each : blocks) {
      for (const auto probe : {each.begin.value - 1, each.begin.value, each.begin.value + 1, each.end.value - 1,
                               each.end.value, each.begin.value + next(30000)}) {
        wrong += map.find({probe}) == naive(probe) ? 0 : 1;
      }
    }
    CHECK(wrong == 0);
  }
}

}  // namespace
}  // namespace memsnap
