#include "core/recorder/ledger.h"

#include <algorithm>
#include <iterator>

namespace memsnap {
namespace {

// What the recorder's counters add up to.
Totals sum(const RecordedBooks& books) {
  Totals totals{.unknown_frees = books.unknown_frees, .missed_frees = books.missed_frees};
  for (const auto& origin : books.origins) {
    totals.allocations += origin.allocated_count;
    totals.allocated += origin.allocated_bytes;
    totals.frees += origin.freed_count;
    totals.size += origin.allocated_bytes - origin.freed_bytes;
  }
  return totals;
}

void complete(Totals& totals, const std::vector<PendingChange>& changes) {
  for (const auto& change : changes) {
    if (change.is_free) {
      ++totals.frees;
      totals.size -= change.block.size;
    } else {
      ++totals.allocations;
      totals.allocated += change.block.size;
      totals.size += change.block.size;
    }
  }
}

std::uint64_t above(std::uint64_t value, std::uint64_t base) { return value > base ? value - base : 0; }

}  // namespace

Totals RecordedLedger::totals(const RecordedBooks& books) const {
  auto all = sum(books);
  complete(all, still_pending(books));
  Totals totals;
  totals.allocations = above(all.allocations, base_.allocations);
  totals.frees = above(all.frees, base_.frees);
  totals.allocated = above(all.allocated, base_.allocated);
  totals.size = above(all.size, base_.size);
  totals.count = above(totals.allocations, totals.frees);
  // A thread sees what the others allocated a little late, but never less than it did itself.
  totals.peak = std::max({totals.size, base_.peak, books.peak});
  totals.unknown_frees = above(all.unknown_frees, base_.unknown_frees);
  totals.missed_frees = above(all.missed_frees, base_.missed_frees);
  return totals;
}

std::vector<LiveOrigin> RecordedLedger::live(const RecordedBooks& books) const {
  std::vector<LiveOrigin> result;
  result.reserve(books.origins.size());
  std::uint32_t number = 0;
  for (const auto& live : live_since_clear(books)) {
    ++number;
    if (live.count > 0) {
      result.push_back({number, static_cast<std::uint64_t>(std::max<std::int64_t>(live.size, 0)),
                        static_cast<std::uint64_t>(live.count)});
    }
  }
  return result;
}

std::vector<GivenByOrigin> RecordedLedger::given(const RecordedBooks& books) const {
  std::vector<GivenByOrigin> result;
  result.reserve(books.origins.size());
  for (const auto& origin : books.origins) {
    result.push_back({origin.allocated_bytes, origin.allocated_count});
  }
  for (const auto& change : still_pending(books)) {
    if (!change.is_free && change.block.origin - 1 < result.size()) {
      result[change.block.origin - 1].size += change.block.size;
      ++result[change.block.origin - 1].count;
    }
  }
  for (std::size_t i = 0; i < std::min(result.size(), given_.size()); ++i) {
    result[i] = {above(result[i].size, given_[i].size), above(result[i].count, given_[i].count)};
  }
  return result;
}

bool RecordedLedger::forgets(const RecordedBooks& books, const RecordedBlock& block) const {
  return std::ranges::any_of(still_pending(books),
                             [&](const PendingChange& change) { return change.is_free && change.block == block; });
}

void RecordedLedger::clear(const RecordedBooks& books) {
  *this = {};
  pending_ = books.pending;
  forgotten_ = live_since_clear(books);
  given_ = given(books);
  base_ = sum(books);
  complete(base_, pending_);
  base_.peak = 0;
}

void RecordedLedger::reset_peak(const RecordedBooks& books) {
  base_.peak = 0;
  base_.peak = totals(books).size;
}

std::vector<RecordedLedger::Live> RecordedLedger::live_since_clear(const RecordedBooks& books) const {
  std::vector<Live> result;
  result.reserve(books.origins.size());
  for (const auto& origin : books.origins) {
    const auto forgotten = result.size() < forgotten_.size() ? forgotten_[result.size()] : Live{};
    result.push_back({static_cast<std::int64_t>(origin.allocated_bytes - origin.freed_bytes) - forgotten.size,
                      static_cast<std::int64_t>(origin.allocated_count - origin.freed_count) - forgotten.count});
  }
  for (const auto& change : still_pending(books)) {
    if (change.block.origin - 1 < result.size()) {
      auto& live = result[change.block.origin - 1];
      const auto size = static_cast<std::int64_t>(change.block.size);
      live.size += change.is_free ? -size : size;
      live.count += change.is_free ? -1 : 1;
    }
  }
  return result;
}

std::vector<PendingChange> RecordedLedger::still_pending(const RecordedBooks& books) const {
  std::vector<PendingChange> result;
  std::ranges::copy_if(pending_, std::back_inserter(result), [&](const PendingChange& change) {
    return std::ranges::find(books.pending, change) != books.pending.end();
  });
  return result;
}

}  // namespace memsnap
