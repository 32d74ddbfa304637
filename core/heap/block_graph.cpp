#include "core/heap/block_graph.h"

#include <utility>

namespace memsnap {

Result<BlockGraph> BlockGraph::read(const HeapView& heap, const ScanProgress& progress) {
  // Blocks are most of the memory.
  constexpr double kRoots = 0.1;
  const auto share_of_roots = [&](double share) { return !progress || progress(share * kRoots); };
  const auto share_of_blocks = [&](double share) { return !progress || progress(kRoots + share * (1 - kRoots)); };

  BlockGraph graph;
  const auto& blocks = heap.blocks;
  const auto wanted = blocks.bounds();
  const auto reach = [&graph](BlockIndex block) {
    if (block != kNoBlock && (graph.from_roots_.empty() || graph.from_roots_.back() != block)) {
      graph.from_roots_.push_back(block);
    }
  };
  for (const auto word : heap.roots.words) {
    reach(blocks.find({word}));
  }
  WordScan scan(heap.memory, heap.readable);
  auto done = scan.scan(pieces_of(heap.roots), wanted, share_of_roots, [&](std::uint32_t root, Address, auto value) {
    reach(find_from_root(blocks, heap.roots.ranges[root], value));
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  std::vector<Edge> edges;
  done = scan.scan(pieces_of(blocks), wanted, share_of_blocks, [&](BlockIndex from, Address, std::uint64_t value) {
    const auto to = blocks.find({value});
    if (to == kNoBlock || to == from || (!edges.empty() && edges.back().from == from && edges.back().to == to)) {
      return;
    }
    edges.push_back({from, to});
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  if (blocks.has_nested()) {
    for (BlockIndex block = 0; block < blocks.size(); ++block) {
      if (const auto outer = blocks.enclosing(block); outer != kNoBlock) {
        edges.push_back({block, outer});
      }
    }
  }
  graph.add_edges(edges, blocks.size());
  return graph;
}

// Counted into place: the edges of a block come together already, but for those of blocks with others in them.
void BlockGraph::add_edges(const std::vector<Edge>& edges, std::size_t blocks) {
  first_edge_.assign(blocks + 1, 0);
  for (const auto& edge : edges) {
    ++first_edge_[edge.from + 1];
  }
  for (std::size_t i = 1; i <= blocks; ++i) {
    first_edge_[i] += first_edge_[i - 1];
  }
  targets_.resize(edges.size());
  auto next = first_edge_;
  for (const auto& edge : edges) {
    targets_[next[edge.from]++] = edge.to;
  }
}

}  // namespace memsnap
