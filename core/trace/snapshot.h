#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/trace/ledger.h"

namespace memsnap {

/// What a place gave of which nothing is live any more. Without threads: the recorder gives the counters of what is
/// freed on to other threads.
struct FreedCount {
  TracebackId traceback{};
  DomainId domain{};
  std::uint64_t allocated = 0;    ///< bytes ever asked for since the start or clear
  std::uint64_t allocations = 0;  ///< calls that gave a block since then

  auto operator<=>(const FreedCount&) const = default;
};

/// What was live at one moment, by origin. Its tracebacks, domains and threads live in the session's tables, which
/// never forget, so it prints the same after exit, after dlclose and beside another run's snapshot.
struct Snapshot {
  std::uint32_t id = 0;  ///< 1, 2, ...; 0 for `now`
  std::string name;
  std::vector<LiveCount> counts;  ///< those with count > 0
  std::vector<FreedCount> freed;  ///< the others that ever gave a block, some of them in parts; no table shows them
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  std::uint64_t peak = 0;
  std::string engine;        ///< what recorded it
  std::uint32_t frames = 0;  ///< the frame limit in force
  /// How many frames of a traceback a script that started it wants to see, from the call site on; 0 for all there are.
  std::uint32_t script_frames = 0;
  bool since_start_only = false;  ///< tracing began in a process that ran already: older blocks are not known

  /// Number of distinct tracebacks.
  std::size_t tracebacks() const;
};

/// What is live in `ledger` now. `id`, `name`, `engine`, `frames` are the caller's to fill in.
Snapshot take_snapshot(const Ledger& ledger);

}  // namespace memsnap
