#include "core/heap/reachability.h"

#include <numeric>
#include <string>

#include "tests/catch.h"
#include "tests/unit/fake_heap.h"

namespace memsnap {
namespace {

using test::FakeHeap;

// A letter for each block: r, d(irectly lost), i(ndirectly lost).
std::string reach_of(FakeHeap& heap) {
  const BlockMap blocks(heap.blocks);
  const auto graph = BlockGraph::read({heap.memory, heap.readable, blocks, heap.roots}, {});
  REQUIRE(graph.has_value());
  std::string letters;
  for (const auto reach : find_reach(*graph)) {
    letters += reach == Reach::reachable ? 'r' : (reach == Reach::directly_lost ? 'd' : 'i');
  }
  return letters;
}

TEST_CASE("without blocks nothing is lost", "[unit][heap]") {
  FakeHeap heap;
  heap.put_root(0x100000, {1, 2, 3});
  CHECK(reach_of(heap).empty());
}

TEST_CASE("what a root points to, at its beginning or inside, is reachable, and what that points to", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {16, 16, 16, 16, 0});
  heap.memory.put(0x10008, 0x10100 + 15);  // the last word of the first points to the last byte of the second
  heap.memory.put(0x10200, 0x10300 + 16);  // one past the end
  heap.put_root(0x100000, {0, 0x10000 + 8});
  heap.roots.words = {0x10400};
  CHECK(reach_of(heap) == "rrddr");
}

TEST_CASE("a word that is not aligned, or that ends outside, is no pointer", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {20, 16, 16});
  heap.memory.put(0x10004, 0x10100);
  heap.memory.put(0x10010, 0x10200);  // the block ends within it
  heap.put_root(0x100000, {0x10000});
  CHECK(reach_of(heap) == "rdd");
}

TEST_CASE("of a lost list the head is directly lost, and the rest indirectly", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {16, 16, 16, 16});
  // The head is the third, and the list ends in the first.
  heap.memory.put(0x10200, 0x10300);
  heap.memory.put(0x10300, 0x10100);
  heap.memory.put(0x10100, 0x10000);
  heap.put_root(0x100000, {0});
  CHECK(reach_of(heap) == "iidi");
}

TEST_CASE("of a lost cycle the block with the lowest address is directly lost", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {16, 16, 16, 16, 16, 16});
  heap.memory.put(0x10100, 0x10300);  // 1 -> 3 -> 2 -> 1
  heap.memory.put(0x10300, 0x10200);
  heap.memory.put(0x10200, 0x10100);
  heap.memory.put(0x10208, 0x10000);  // and 0 hangs on it
  heap.memory.put(0x10400, 0x10400);  // one that points to itself
  SECTION("that nothing else points to") { CHECK(reach_of(heap) == "idiidd"); }
  SECTION("that a lost block points to") {
    heap.memory.put(0x10508, 0x10200);
    CHECK(reach_of(heap) == "iiiidd");
  }
  SECTION("that a reachable block points to") {
    heap.memory.put(0x10508, 0x10200);
    heap.roots.words = {0x10500};
    CHECK(reach_of(heap) == "rrrrdr");
  }
}

TEST_CASE("a block that only a lost and a reachable block share is reachable", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {16, 16, 16});
  heap.memory.put(0x10000, 0x10200);
  heap.memory.put(0x10100, 0x10200);
  heap.put_root(0x100000, {0x10100});
  CHECK(reach_of(heap) == "drr");
}

TEST_CASE("a lost list of a million blocks is as deep as it is long", "[unit][heap]") {
  constexpr std::uint64_t kBlocks = 1'000'000;
  constexpr std::uint64_t kBegin = 0x10000000;
  FakeHeap heap;
  heap.memory.map(kBegin, kBlocks * 16);
  std::vector<std::uint64_t> words(2 * kBlocks);
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    heap.blocks.push_back({{kBegin + 16 * i}, {kBegin + 16 * i + 16}});
    words[2 * i] = i + 1 < kBlocks ? kBegin + 16 * (i + 1) : 0;
  }
  heap.memory.put_bytes(kBegin, words.data(), words.size() * sizeof words[0]);
  std::string expected(kBlocks, 'i');
  expected[0] = 'd';
  CHECK((reach_of(heap) == expected));
  CHECK(heap.memory.reads < 100);
  heap.roots.words = {kBegin};
  CHECK((reach_of(heap) == std::string(kBlocks, 'r')));
}

TEST_CASE("a pool's block is reached by way of the blocks in it, and does not hold them", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x20000, {16});  // only the second block in the pool points to it
  heap.memory.map(0x30000, 0x1000);
  heap.blocks.push_back({{0x30000}, {0x31000}});
  heap.blocks.push_back({{0x30100}, {0x30120}});
  heap.blocks.push_back({{0x30200}, {0x30220}});
  heap.memory.put(0x30200, 0x20000);
  heap.put_root(0x100000, {0x30100});
  CHECK(reach_of(heap) == "irrd");
  heap.memory.put(0x30300, 0x30208);  // the pool's own memory
  CHECK(reach_of(heap) == "rrrr");
}

TEST_CASE("memory that cannot be read is skipped", "[unit][heap]") {
  FakeHeap heap;
  heap.memory.map(0x10000, 0x1000);
  heap.memory.map(0x12000, 0x2000);
  heap.blocks = {{{0x10000}, {0x13000}}, {{0x13000}, {0x13010}}, {{0x13100}, {0x13110}}};
  heap.memory.put(0x12ff8, 0x13000);
  heap.roots.words = {0x10000};
  heap.roots.ranges = {{{{0x500000}, {0x600000}}, false}};
  CHECK(reach_of(heap) == "rrd");
  heap.readable = {{{0x10000}, {0x11000}}, {{0x12800}, {0x14000}}};
  heap.memory.reads = 0;
  CHECK(reach_of(heap) == "rrd");
  CHECK(heap.memory.reads == 2);  // one on each side of what is not there
}

TEST_CASE("glibc's lists of free memory are no pointers to the block below", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {24, 32, 8, 24});
  // The heads of what follows each: of the second it lies outside, as 32 + 8 bytes take 48.
  heap.put_root(0x100000, {0x10010, 0x10120, 0x10210, 0x10308}, true);
  CHECK(reach_of(heap) == "dddr");
  heap.roots.ranges.front().has_free_lists = false;
  CHECK(reach_of(heap) == "rddr");
}

TEST_CASE("the search for lost blocks ends where the user wants it", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {16});
  const BlockMap blocks(heap.blocks);
  std::vector<double> shares;
  const auto graph = BlockGraph::read({heap.memory, {}, blocks, heap.roots}, [&](double share) {
    shares.push_back(share);
    return false;
  });
  REQUIRE_FALSE(graph.has_value());
  CHECK(graph.error().code == Code::interrupted);
  CHECK(shares.size() == 1);
}

}  // namespace
}  // namespace memsnap
