#include "core/heap/references.h"

#include <algorithm>

namespace memsnap {
namespace {

// From the roots to each block, breadth first, up to `wanted`: the block before it, kNoBlock where that is a root.
std::optional<std::vector<BlockIndex>> search(const BlockGraph& graph, BlockIndex wanted) {
  constexpr BlockIndex kUnknown = kNoBlock - 1;
  std::vector<BlockIndex> before(graph.size(), kUnknown);
  std::vector<BlockIndex> order;
  const auto reach = [&](BlockIndex block, BlockIndex from) {
    if (before[block] == kUnknown) {
      before[block] = from;
      order.push_back(block);
    }
  };
  for (const auto root : graph.from_roots()) {
    reach(root, kNoBlock);
  }
  for (std::size_t i = 0; i < order.size() && before[wanted] == kUnknown; ++i) {
    const auto block = order[i];
    for (const auto target : graph.targets(block)) {
      reach(target, block);
    }
  }
  return before[wanted] == kUnknown ? std::nullopt : std::optional(std::move(before));
}

Result<std::vector<Reference>> from_roots(const HeapView& heap, BlockIndex block, const ScanProgress& progress) {
  std::vector<Reference> found;
  const auto range = heap.blocks.range(block);
  const auto& roots = heap.roots;
  for (std::uint32_t i = 0; i < roots.words.size(); ++i) {
    if (heap.blocks.find({roots.words[i]}) == block) {
      found.push_back({Reference::Holder::word, i, {}, roots.words[i] - range.begin.value});
    }
  }
  WordScan scan(heap.memory, heap.readable);
  const auto done = scan.scan(pieces_of(roots), range, progress, [&](std::uint32_t root, Address place, auto value) {
    if (find_from_root(heap.blocks, roots.ranges[root], value) == block) {
      found.push_back({Reference::Holder::range, root, place, value - range.begin.value});
    }
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  return found;
}

Result<std::vector<Reference>> from_blocks(const HeapView& heap, std::span<const ScanPiece> pieces, BlockIndex block,
                                           const ScanProgress& progress) {
  std::vector<Reference> found;
  const auto range = heap.blocks.range(block);
  WordScan scan(heap.memory, heap.readable);
  const auto done = scan.scan(pieces, range, progress, [&](BlockIndex holder, Address place, std::uint64_t value) {
    if (holder != block && heap.blocks.find({value}) == block) {
      found.push_back({Reference::Holder::block, holder, place, value - range.begin.value});
    }
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  return found;
}

}  // namespace

Result<std::vector<Reference>> find_references(const HeapView& heap, BlockIndex block, const ScanProgress& progress) {
  auto found = from_roots(heap, block, progress);
  if (!found) {
    return found;
  }
  const auto others = from_blocks(heap, pieces_of(heap.blocks), block, progress);
  if (!others) {
    return others;
  }
  found->insert(found->end(), others->begin(), others->end());
  return found;
}

Result<std::vector<PathStep>> find_path(const HeapView& heap, BlockIndex block, const ScanProgress& progress) {
  const auto graph = BlockGraph::read(heap, progress);
  if (!graph) {
    return std::unexpected(graph.error());
  }
  std::vector<PathStep> path;
  const auto before = search(*graph, block);
  if (!before) {
    return path;
  }
  std::vector<ScanPiece> pieces;  // of all blocks, read once it is known that there is a way
  for (auto to = block; to != kNoBlock; to = (*before)[to]) {
    const auto from = (*before)[to];
    auto found = Result<std::vector<Reference>>();
    if (from == kNoBlock) {
      found = from_roots(heap, to, progress);
    } else {
      if (pieces.empty()) {
        pieces = pieces_of(heap.blocks);
      }
      // Other blocks' pieces may lie between its own.
      std::vector<ScanPiece> own;
      const auto [begin, end] = heap.blocks.range(from);
      const auto begin_of = [](const ScanPiece& piece) { return piece.range.begin; };
      auto piece = std::ranges::lower_bound(pieces, begin, {}, begin_of);
      for (; piece != pieces.end() && piece->range.begin < end; ++piece) {
        if (piece->owner == from) {
          own.push_back(*piece);
        }
      }
      found = from_blocks(heap, own, to, {});
    }
    if (!found) {
      return std::unexpected(found.error());
    }
    path.push_back({to, found->empty() ? std::nullopt : std::optional(found->front())});
  }
  std::ranges::reverse(path);
  return path;
}

}  // namespace memsnap
