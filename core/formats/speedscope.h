#pragma once

#include <string>

#include "core/formats/paths.h"

namespace memsnap {

/// A file for speedscope (speedscope.app), in its own format. A snapshot is two profiles, `bytes` and `blocks`; a
/// difference four: what grew and what shrank, each by bytes and by blocks.
/// Source: the JSON schema in the npm package speedscope, dist/release/file-format-schema.json.
std::string to_speedscope(const SnapshotFile& file, const Paths& paths);

}  // namespace memsnap
