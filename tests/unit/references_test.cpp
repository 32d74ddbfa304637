#include "core/heap/references.h"

#include "tests/catch.h"
#include "tests/unit/fake_heap.h"

namespace memsnap {
namespace {

using test::FakeHeap;
using Holder = Reference::Holder;

std::vector<Reference> references(FakeHeap& heap, BlockIndex block) {
  const BlockMap blocks(heap.blocks);
  auto found = find_references({heap.memory, heap.readable, blocks, heap.roots}, block, {});
  REQUIRE(found.has_value());
  return *found;
}

std::vector<PathStep> path(FakeHeap& heap, BlockIndex block) {
  const BlockMap blocks(heap.blocks);
  auto found = find_path({heap.memory, heap.readable, blocks, heap.roots}, block, {});
  REQUIRE(found.has_value());
  return *found;
}

TEST_CASE("every word that points into a block is found: registers, roots, blocks", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {32, 32, 32});
  heap.put_root(0x100000, {0, 0x10100, 0x10200});
  heap.put_root(0x200000, {0x10120, 0x1011f});
  heap.roots.words = {7, 0x10108, 0x10100};
  heap.memory.put(0x10000, 0x10100);
  heap.memory.put(0x10018, 0x10104);
  heap.memory.put(0x10110, 0x10100);  // its own
  heap.memory.put(0x10200, 0x10000);
  CHECK(references(heap, 1) == std::vector<Reference>{{Holder::word, 1, {}, 8},
                                                      {Holder::word, 2, {}, 0},
                                                      {Holder::range, 0, {0x100008}, 0},
                                                      {Holder::range, 1, {0x200008}, 31},
                                                      {Holder::block, 0, {0x10000}, 0},
                                                      {Holder::block, 0, {0x10018}, 4}});
  CHECK(references(heap, 0) == std::vector<Reference>{{Holder::block, 2, {0x10200}, 0}});
}

TEST_CASE("a block that nothing points to has no references and no path", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {32, 32});
  heap.put_root(0x100000, {0x10000});
  CHECK(references(heap, 1).empty());
  CHECK(path(heap, 1).empty());
}

TEST_CASE("the shortest way from a root is told step by step", "[unit][heap]") {
  FakeHeap heap;
  heap.put_blocks(0x10000, {32, 32, 32, 32, 32});
  heap.put_root(0x100000, {0, 0x10000});
  heap.memory.put(0x10000, 0x10100);  // 0 -> 1 -> 2 -> 3
  heap.memory.put(0x10108, 0x10200);
  heap.memory.put(0x10210, 0x10300 + 4);
  heap.memory.put(0x10018, 0x10400);  // and 0 -> 4 -> 3
  heap.memory.put(0x10408, 0x10300);
  CHECK(path(heap, 3) == std::vector<PathStep>{{0, Reference{Holder::range, 0, {0x100008}, 0}},
                                               {4, Reference{Holder::block, 0, {0x10018}, 0}},
                                               {3, Reference{Holder::block, 4, {0x10408}, 0}}});
  heap.roots.words = {0x10304};
  CHECK(path(heap, 3) == std::vector<PathStep>{{3, Reference{Holder::word, 0, {}, 4}}});
}

TEST_CASE("a way goes from a block of a pool to the pool's own block", "[unit][heap]") {
  FakeHeap heap;
  heap.memory.map(0x30000, 0x1000);
  heap.blocks = {{{0x30000}, {0x31000}}, {{0x30100}, {0x30120}}};
  heap.put_root(0x100000, {0x30100});
  CHECK(path(heap, 0) == std::vector<PathStep>{{1, Reference{Holder::range, 0, {0x100000}, 0}}, {0, std::nullopt}});
  CHECK(references(heap, 0).empty());
}

}  // namespace
}  // namespace memsnap
