#pragma once

#include <string>

#include "core/formats/snapshot_file.h"

namespace memsnap {

/// A snapshot as a gzipped pprof profile, which parse_pprof reads back.
///
/// Sample types: live blocks, live bytes, all blocks and all bytes since the start (inuse_objects, inuse_space,
/// alloc_objects, alloc_space). A Location is a physical frame, its lines the inlined ones, innermost first; its
/// address is that of the call's last byte, as the module's file counts. A sample's labels are its domain and thread,
/// and, where the stack could not be walked to its end, `truncated`. Facts of the whole snapshot are comments: see
/// write_comments.
///
/// A difference (SnapshotFile::older) is what pprof makes of two profiles with -diff_base: the older one's samples,
/// with all values negative and a label that makes percentages shares of them. parse_pprof does not read it.
///
/// The same snapshot gives the same bytes.
std::string to_pprof(const SnapshotFile& file);

}  // namespace memsnap
