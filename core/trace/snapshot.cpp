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
  std::ranges::copy_if(ledger.counts(), std::back_inserter(snapshot.counts),
                       [](const LiveCount& live) { return live.count > 0; });
  snapshot.size = ledger.totals().size;
  snapshot.count = ledger.totals().count;
  snapshot.peak = ledger.totals().peak;
  return snapshot;
}

}  // namespace memsnap
