#include "core/trace/ledger.h"

#include <algorithm>

namespace memsnap {

void Ledger::allocate(Address address, std::uint64_t size, const Origin& origin, Space space, std::uint64_t pool) {
  if (!address) {
    return;
  }
  const Block block{address, size, intern(origin), epoch_, space, pool};
  const auto [entry, is_new] = blocks_.try_emplace({address, space}, block);
  if (!is_new) {
    ++totals_.missed_frees;
    close(entry->second);
    entry->second = block;
  }
  auto& live = counts_[static_cast<std::size_t>(block.origin)];
  live.size += size;
  ++live.count;
  live.peak = std::max(live.peak, live.size);
  live.allocated += size;
  ++live.allocations;
  totals_.size += size;
  ++totals_.count;
  totals_.peak = std::max(totals_.peak, totals_.size);
  ++totals_.allocations;
  totals_.allocated += size;
}

bool Ledger::free(Address address, Space space) {
  if (!address) {
    return true;
  }
  const auto entry = blocks_.find({address, space});
  if (entry == blocks_.end()) {
    ++totals_.unknown_frees;
    return false;
  }
  close(entry->second);
  blocks_.erase(entry);
  return true;
}

void Ledger::free_pool(Space space, std::optional<std::uint64_t> pool) {
  std::erase_if(blocks_, [&](const auto& entry) {
    const auto& block = entry.second;
    const bool is_taken = block.space == space && block.pool == pool.value_or(block.pool);
    if (is_taken) {
      close(block);
    }
    return is_taken;
  });
}

std::optional<Block> Ledger::detach(Address address, Space space) {
  const auto entry = blocks_.find({address, space});
  if (entry == blocks_.end()) {
    return std::nullopt;
  }
  const auto block = entry->second;
  blocks_.erase(entry);
  detached_.push_back(block);
  return block;
}

void Ledger::free_detached(const Block& block) {
  if (forget_detached(block)) {
    close(block);
  } else {
    ++totals_.unknown_frees;
  }
}

void Ledger::reattach(const Block& block) {
  if (!forget_detached(block)) {
    return;
  }
  if (!blocks_.try_emplace({block.address, block.space}, block).second) {
    ++totals_.missed_frees;
    close(block);
  }
}

const Block* Ledger::find(Address address, Space space) const {
  const auto entry = blocks_.find({address, space});
  return entry == blocks_.end() ? nullptr : &entry->second;
}

void Ledger::reset_peak() {
  for (auto& live : counts_) {
    live.peak = live.size;
  }
  totals_.peak = totals_.size;
}

void Ledger::clear() {
  blocks_.clear();
  counts_.clear();
  ids_.clear();
  detached_.clear();
  totals_ = {};
}

std::size_t Ledger::memory_bytes() const {
  // A node of a hash table: what it holds, the link to the next one, and the allocator's own bytes.
  constexpr std::size_t kLink = 2 * sizeof(void*);
  return blocks_.size() * (sizeof(std::pair<BlockKey, Block>) + kLink) +
         ids_.size() * (sizeof(std::pair<Origin, OriginId>) + kLink) + counts_.capacity() * sizeof(LiveCount) +
         (blocks_.bucket_count() + ids_.bucket_count()) * sizeof(void*) + detached_.capacity() * sizeof(Block);
}

std::size_t Ledger::OriginHash::operator()(const Origin& origin) const noexcept {
  const auto call = static_cast<std::uint64_t>(origin.traceback) << 32 | static_cast<std::uint32_t>(origin.thread);
  return (call + static_cast<std::uint64_t>(origin.domain) * 0xff51afd7ed558ccdULL) * 0x9e3779b97f4a7c15ULL;
}

OriginId Ledger::intern(const Origin& origin) {
  const auto [entry, is_new] = ids_.try_emplace(origin, OriginId{static_cast<std::uint32_t>(counts_.size())});
  if (is_new) {
    counts_.push_back({.origin = origin});
  }
  return entry->second;
}

void Ledger::close(const Block& block) {
  auto& live = counts_[static_cast<std::size_t>(block.origin)];
  live.size -= block.size;
  --live.count;
  totals_.size -= block.size;
  --totals_.count;
  ++totals_.frees;
}

// Only what is on the list is closed or put back: after clear() an old block's origin means nothing any more.
bool Ledger::forget_detached(const Block& block) {
  const auto entry = std::ranges::find(detached_, block);
  if (entry == detached_.end()) {
    return false;
  }
  detached_.erase(entry);
  return true;
}

}  // namespace memsnap
