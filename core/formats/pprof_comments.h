#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/trace/snapshot.h"

namespace memsnap::pprof {

/// Facts of the whole snapshot that pprof has no field for: comments of the form `memsnap KEY: VALUE`. pprof prints
/// them at the top of its reports, so they are few and short.
///
/// `memsnap format: 1` comes first and makes a profile one of ours. Keys may be added without a new number; a reader
/// passes over those that it does not know. They are: snapshot (its name), engine, frames (the limit), size, count,
/// peak, and `since start only` (yes, else it is not there).
std::vector<std::string> write_comments(const Snapshot& snapshot);
/// Those of a difference: `memsnap difference: OLD -> NEW` alone, as it is no snapshot and none of ours to load.
std::vector<std::string> write_comments(const Snapshot& older, const Snapshot& newer);

/// What comments say.
struct Facts {
  bool are_ours = false;  ///< else the profile is from elsewhere, and the rest is empty
  Snapshot snapshot;      ///< without counts
};

/// Throws Malformed.
Facts read_comments(const std::vector<std::string_view>& comments);

}  // namespace memsnap::pprof
