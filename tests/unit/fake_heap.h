#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/heap/block_graph.h"
#include "tests/unit/fake_memory.h"

namespace memsnap::test {

/// Blocks and roots in memory that is made as they are put there.
struct FakeHeap {
  FakeMemory memory;
  std::vector<AddressRange> blocks;
  Roots roots;
  std::vector<AddressRange> readable;

  /// A page of memory with a block for each of `sizes`, 0x100 apart, the first at `begin`.
  void put_blocks(std::uint64_t begin, const std::vector<std::uint64_t>& sizes) {
    memory.map(begin, std::max<std::size_t>(0x1000, sizes.size() * 0x100));
    for (const auto size : sizes) {
      blocks.push_back({{begin}, {begin + size}});
      begin += 0x100;
    }
  }
  /// A root with these words.
  void put_root(std::uint64_t begin, const std::vector<std::uint64_t>& words, bool has_free_lists = false) {
    const auto size = words.size() * sizeof(std::uint64_t);
    memory.map(begin, size);
    memory.put_bytes(begin, words.data(), size);
    roots.ranges.push_back({{{begin}, {begin + size}}, has_free_lists});
  }
};

}  // namespace memsnap::test
