#pragma once

#include <string>

#include "core/formats/snapshot_file.h"
#include "core/trace/rules.h"

namespace memsnap {

/// A whole snapshot, or a difference, as one JSON value for scripts; README's "Exports" describes its fields. Frames
/// are in a list of their own, each once, and tracebacks name them by their index.
///
/// `rules` say which frames are hidden, and so which one is the call site. What is only freed is not in it.
std::string to_export_json(const SnapshotFile& file, const HideRules& rules);

}  // namespace memsnap
