#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/address.h"
#include "core/heap/block_map.h"
#include "core/heap/word_scan.h"
#include "core/memory_reader.h"

namespace memsnap {

/// Memory that the program can reach without any block: each aligned word of it may be a pointer.
struct RootRange {
  AddressRange range;
  /// glibc's lists of free memory may be here. They name a piece by the 16 bytes before it, the first 8 of which are
  /// the last of the block below: a pointer to just there says nothing of that block.
  bool has_free_lists = false;

  constexpr auto operator<=>(const RootRange&) const = default;
};

/// All that is reachable by itself.
struct Roots {
  std::vector<RootRange> ranges;     ///< ascending; do not overlap
  std::vector<std::uint64_t> words;  ///< registers
};

/// A process' memory as far as a search through it needs it. Borrows everything.
struct HeapView {
  MemoryReader& memory;
  std::span<const AddressRange> readable;  ///< ascending; nothing else is tried. Empty: everything is
  const BlockMap& blocks;
  const Roots& roots;
};

/// The block that a word of a root points into; kNoBlock where it is none.
inline BlockIndex find_from_root(const BlockMap& blocks, const RootRange& root, std::uint64_t value) {
  const auto block = blocks.find({value});
  if (block == kNoBlock || !root.has_free_lists) {
    return block;
  }
  // Source: glibc, malloc/malloc.c, "A chunk of memory": sizes are multiples of 16, and of at least 32.
  constexpr std::uint64_t kHead = 16;
  const auto [begin, end] = blocks.range(block);
  const auto chunk = (end - begin + sizeof(std::uint64_t) + kHead - 1) / kHead * kHead;
  const auto next = begin + (chunk < 2 * kHead ? 2 * kHead : chunk) - kHead;
  return value == next.value && begin.value % kHead == 0 ? kNoBlock : block;
}

/// The memory of all roots, as a scan takes it; the owner is the index in roots.ranges.
std::vector<ScanPiece> pieces_of(const Roots& roots);
/// The memory of all blocks; the owner is the block.
std::vector<ScanPiece> pieces_of(const BlockMap& blocks);

}  // namespace memsnap
