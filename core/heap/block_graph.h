#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/heap/block_map.h"
#include "core/heap/roots.h"
#include "core/result.h"

namespace memsnap {

/// Which blocks point into which others, and which the roots point into.
///
/// A pointer into a block that lies in another is one into both: the inner block has an edge to the outer one.
class BlockGraph {
 public:
  /// Reads all memory of blocks and roots once. Takes memory by the pointers that there are. Errors: Code::interrupted.
  static Result<BlockGraph> read(const HeapView& heap, const ScanProgress& progress);

  std::size_t size() const { return first_edge_.size() - 1; }
  /// What a block points into, in the order of its words; one may come several times, itself does not.
  std::span<const BlockIndex> targets(BlockIndex block) const {
    return std::span(targets_).subspan(first_edge_[block], first_edge_[block + 1] - first_edge_[block]);
  }
  /// What roots point into: the words first, then the ranges; one may come several times.
  std::span<const BlockIndex> from_roots() const { return from_roots_; }

 private:
  struct Edge {
    BlockIndex from;
    BlockIndex to;
  };

  void add_edges(const std::vector<Edge>& edges, std::size_t blocks);

  std::vector<std::size_t> first_edge_ = {0};  // by block, and the end
  std::vector<BlockIndex> targets_;
  std::vector<BlockIndex> from_roots_;
};

}  // namespace memsnap
