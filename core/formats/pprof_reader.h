#pragma once

#include <cstddef>
#include <string_view>

#include "core/formats/snapshot_file.h"
#include "core/result.h"

namespace memsnap {

/// The largest file that is read, compressed or not.
inline constexpr std::size_t kLargestProfile = std::size_t{1} << 28;

/// Reads what to_pprof wrote, or another program's gzipped pprof profile of memory: one with a sample type in bytes and
/// one in blocks, `inuse_space` and `inuse_objects` where it has them. What such a profile does not know is empty: the
/// snapshot's name, its engine.
///
/// Made for bytes of anyone: whatever they are, it ends soon, in bounds. Errors: Code::malformed, with a message that
/// goes on behind a file's name and a colon.
Result<SnapshotFile> parse_pprof(std::string_view file);

}  // namespace memsnap
