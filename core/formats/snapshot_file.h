#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/module.h"
#include "core/trace/frame.h"
#include "core/trace/snapshot.h"

namespace memsnap {

/// A snapshot with everything that its tables are made of: what a saved file holds, and what exports are made from. It
/// needs no session and no program's files.
struct SnapshotFile {
  static constexpr std::uint32_t kNoModule = std::numeric_limits<std::uint32_t>::max();

  // The most that a file may hold, so that one of some KiB cannot fill the memory of who reads it.
  static constexpr std::size_t kMostEntries = std::size_t{1} << 21;  ///< counts, places, frames of places
  static constexpr std::size_t kMostFrames = std::size_t{1} << 25;   ///< of all stacks

  /// A return address and what it means.
  struct Place {
    std::uint32_t module = kNoModule;  ///< in `modules`
    std::vector<Frame> frames;         ///< at least one, innermost (inlined) first; all have the same offset

    bool operator==(const Place&) const = default;
  };

  /// A traceback.
  struct Stack {
    std::vector<std::uint32_t> places;  ///< in `places`, most recent first
    TracebackEnd end = TracebackEnd::complete;
    Address stopped_at;  ///< for TracebackEnd::no_unwind_info

    bool operator==(const Stack&) const = default;
  };

  /// Its tracebacks, domains and threads are indexes in the tables below. `id` is not kept, nor the peaks of origins.
  Snapshot snapshot;
  /// The older snapshot of a difference, in the same tables. A file that is loaded has none.
  std::optional<Snapshot> older;
  std::vector<Module> modules;
  std::vector<Place> places;
  std::vector<Stack> stacks;
  std::vector<std::string> domains;
  std::vector<std::string> threads;
};

}  // namespace memsnap
