#include "core/heap/block_map.h"

#include <algorithm>

namespace memsnap {
namespace {

constexpr std::uint64_t kGap = std::uint64_t{4} << 20;  // bytes without a block between clusters
constexpr unsigned kPageShift = 12;

}  // namespace

BlockMap::BlockMap(std::span<const AddressRange> blocks) {
  if (blocks.empty()) {
    return;
  }
  blocks_.reserve(blocks.size());
  for (const auto& block : blocks) {
    blocks_.push_back({block.begin.value, std::max(block.end.value, block.begin.value + 1)});
  }
  find_enclosing();
  BlockIndex first = 0;
  auto end = blocks_.front().end;
  for (BlockIndex i = 1; i < blocks_.size(); ++i) {
    if (blocks_[i].begin > end && blocks_[i].begin - end >= kGap) {
      add_cluster(first, i, end);
      first = i;
    }
    end = std::max(end, blocks_[i].end);
  }
  add_cluster(first, static_cast<BlockIndex>(blocks_.size()), end);
  low_ = blocks_.front().begin;
  span_ = end - low_;
}

void BlockMap::find_enclosing() {
  std::vector<BlockIndex> open;
  for (BlockIndex i = 0; i < blocks_.size(); ++i) {
    while (!open.empty() && blocks_[open.back()].end <= blocks_[i].begin) {
      open.pop_back();
    }
    if (!open.empty()) {
      enclosing_.resize(blocks_.size(), kNoBlock);
      enclosing_[i] = open.back();
    }
    open.push_back(i);
  }
}

void BlockMap::add_cluster(BlockIndex first, BlockIndex last, std::uint64_t end) {
  const auto begin = blocks_[first].begin;
  // A few blocks of many GiB need no entry for each of their pages.
  const std::uint64_t most_pages = std::max<std::uint64_t>(65536, std::uint64_t{8} * (last - first));
  auto shift = kPageShift;
  while ((end - begin) >> shift > most_pages) {
    ++shift;
  }
  clusters_.push_back({begin, end, shift, pages_.size()});
  const auto pages = ((end - begin - 1) >> shift) + 1;
  auto next = first;
  for (std::uint64_t page = 0; page < pages; ++page) {
    while (next < last && blocks_[next].begin < begin + (page << shift)) {
      ++next;
    }
    pages_.push_back(next);
  }
  pages_.push_back(last);
}

BlockIndex BlockMap::find_in_clusters(std::uint64_t address) const {
  const auto* cluster = clusters_.data();
  if (clusters_.size() > 1) {
    const auto after = std::ranges::upper_bound(clusters_, address, {}, &Cluster::begin);
    cluster = &*std::prev(after);  // the first begins at low_
  }
  if (address >= cluster->end) {
    return kNoBlock;
  }
  const auto* page = pages_.data() + cluster->pages + ((address - cluster->begin) >> cluster->shift);
  // The last one that begins at `address` or below: it begins in this page, or is the last before it.
  auto first = page[0];
  auto last = page[1];
  while (first < last) {
    const auto middle = first + (last - first) / 2;
    if (blocks_[middle].begin <= address) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  // There is one, as a cluster begins with a block.
  for (auto block = first - 1; block != kNoBlock; block = enclosing(block)) {
    if (address < blocks_[block].end) {
      return block;
    }
  }
  return kNoBlock;
}

BlockIndex BlockMap::first_from(Address address) const {
  return static_cast<BlockIndex>(std::ranges::lower_bound(blocks_, address.value, {}, &Extent::begin) -
                                 blocks_.begin());
}

std::vector<BlockPiece> BlockMap::pieces() const {
  std::vector<BlockPiece> pieces;
  pieces.reserve(blocks_.size());
  std::vector<BlockIndex> open;
  std::uint64_t done = 0;  // all below is in pieces
  const auto add = [&](BlockIndex block, std::uint64_t end) {
    const auto begin = std::max(done, blocks_[block].begin);
    if (begin < end) {
      pieces.push_back({{{begin}, {end}}, block});
      done = end;
    }
  };
  const auto close = [&](std::uint64_t up_to) {
    while (!open.empty() && blocks_[open.back()].end <= up_to) {
      add(open.back(), blocks_[open.back()].end);
      open.pop_back();
    }
  };
  for (BlockIndex i = 0; i < blocks_.size(); ++i) {
    close(blocks_[i].begin);
    if (!open.empty()) {
      add(open.back(), blocks_[i].begin);
    }
    open.push_back(i);
  }
  close(~std::uint64_t{0});
  return pieces;
}

}  // namespace memsnap
