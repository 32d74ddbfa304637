#include "core/trace/snapshot.h"

#include <algorithm>

namespace memsnap {

std::size_t Snapshot::tracebacks() const {
  std::vector<TracebackId> ids;
  ids.reserve(counts.size());
  for (const auto& live : counts) {
    ids.push_back(live.origin.traceback);
  }
  std::ranges::sort(ids);
  return static_cast<std::size_t>(std::ranges::unique(ids).begin() - ids.begin());
}

Snapshot take_snapshot(const Ledger& ledger) {
  Snapshot snapshot;
  for (const auto& each : ledger.counts()) {
    if (each.count != 0) {
      snapshot.counts.push_back(each);
    } else {
      snapshot.freed.push_back({each.origin.traceback, each.origin.domain, each.allocated, each.allocations});
    }
  }
  snapshot.size = ledger.totals().size;
  snapshot.count = ledger.totals().count;
  snapshot.peak = ledger.totals().peak;
  return snapshot;
}

}  // namespace memsnap
