#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/heap/block_graph.h"

namespace memsnap {

/// A word that points into a block.
struct Reference {
  enum class Holder : std::uint8_t { word, range, block };

  Holder holder{};           ///< what the word is in: Roots::words, Roots::ranges, a block
  std::uint32_t index = 0;   ///< of the holder among those
  Address place;             ///< of the word; 0 where it is one of Roots::words
  std::uint64_t offset = 0;  ///< from the block's begin to where the word points

  auto operator<=>(const Reference&) const = default;
};

/// All words that point into `block` and no block inside it: those in Roots::words, then in ranges and in blocks, each
/// ascending by address. The block's own are not among them. Reads all memory of blocks and roots once.
/// Errors: Code::interrupted.
Result<std::vector<Reference>> find_references(const HeapView& heap, BlockIndex block, const ScanProgress& progress);

/// A way from a root to a block: each step is a reference into a block, the first from a root, each further one from
/// the block before it (or from that it lies in it).
struct PathStep {
  BlockIndex block = kNoBlock;         ///< that it leads to
  std::optional<Reference> reference;  ///< nullopt: the block before lies in this one

  auto operator<=>(const PathStep&) const = default;
};

/// A shortest such way; empty where there is none. Where several are of one length, the first by roots and addresses.
/// Errors: Code::interrupted.
Result<std::vector<PathStep>> find_path(const HeapView& heap, BlockIndex block, const ScanProgress& progress);

}  // namespace memsnap
