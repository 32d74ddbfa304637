#include "core/heap/reachability.h"

#include <algorithm>

namespace memsnap {
namespace {

void mark_reachable(const BlockGraph& graph, std::vector<bool>& is_reachable) {
  std::vector<BlockIndex> open;
  const auto reach = [&](BlockIndex block) {
    if (!is_reachable[block]) {
      is_reachable[block] = true;
      open.push_back(block);
    }
  };
  for (const auto root : graph.from_roots()) {
    reach(root);
    while (!open.empty()) {
      const auto block = open.back();
      open.pop_back();
      for (const auto target : graph.targets(block)) {
        reach(target);
      }
    }
  }
}

// Cuts the lost part of a graph in its strongly connected components, with a stack of our own: a lost list is as deep
// as it is long. Source: R. Tarjan, Depth-first search and linear graph algorithms, 1972.
class Components {
 public:
  Components(const BlockGraph& graph, const std::vector<bool>& is_reachable)
      : graph_(graph), is_reachable_(is_reachable), component_(graph.size(), kNone), low_(graph.size(), 0) {
    for (BlockIndex block = 0; block < graph.size(); ++block) {
      if (!is_reachable[block] && low_[block] == 0) {
        search(block);
      }
    }
  }

  std::uint32_t of(BlockIndex block) const { return component_[block]; }
  std::uint32_t count() const { return count_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  struct Visit {
    BlockIndex block;
    std::uint32_t number;  // in the order of first visits, from 1 on
    std::size_t next_target;
  };

  void enter(BlockIndex block) {
    low_[block] = ++visited_;
    visits_.push_back({block, visited_, 0});
    open_.push_back(block);
  }

  void search(BlockIndex root) {
    enter(root);
    while (!visits_.empty()) {
      auto& visit = visits_.back();
      const auto targets = graph_.targets(visit.block);
      if (visit.next_target < targets.size()) {
        const auto target = targets[visit.next_target++];
        if (is_reachable_[target] || component_[target] != kNone) {
          continue;
        }
        if (low_[target] == 0) {
          enter(target);
        } else {
          low_[visit.block] = std::min(low_[visit.block], low_[target]);
        }
        continue;
      }
      leave(visit);
    }
  }

  void leave(const Visit& done) {
    const auto [block, number, all] = done;
    if (low_[block] == number) {
      BlockIndex last = kNoBlock;
      do {
        last = open_.back();
        open_.pop_back();
        component_[last] = count_;
      } while (last != block);
      ++count_;
    }
    visits_.pop_back();
    if (!visits_.empty()) {
      const auto parent = visits_.back().block;
      low_[parent] = std::min(low_[parent], low_[block]);
    }
  }

  const BlockGraph& graph_;
  const std::vector<bool>& is_reachable_;
  std::vector<std::uint32_t> component_;
  std::vector<std::uint32_t> low_;  // the first visited that it leads to; 0: not visited yet
  std::vector<Visit> visits_;
  std::vector<BlockIndex> open_;
  std::uint32_t visited_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace

std::vector<Reach> find_reach(const BlockGraph& graph) {
  std::vector<bool> is_reachable(graph.size());
  mark_reachable(graph, is_reachable);
  const Components components(graph, is_reachable);
  std::vector<bool> is_pointed_into(components.count());
  for (BlockIndex block = 0; block < graph.size(); ++block) {
    for (const auto target : is_reachable[block] ? std::span<const BlockIndex>() : graph.targets(block)) {
      if (!is_reachable[target] && components.of(target) != components.of(block)) {
        is_pointed_into[components.of(target)] = true;
      }
    }
  }
  std::vector<Reach> reach(graph.size(), Reach::reachable);
  for (BlockIndex block = 0; block < graph.size(); ++block) {
    if (is_reachable[block]) {
      continue;
    }
    auto&& is_taken = is_pointed_into[components.of(block)];
    reach[block] = is_taken ? Reach::indirectly_lost : Reach::directly_lost;
    is_taken = true;  // the rest of it is lost with this one
  }
  return reach;
}

}  // namespace memsnap
