#pragma once

#include <functional>
#include <string>

#include "core/formats/snapshot_file.h"
#include "core/result.h"
#include "core/symbols/symbolizer.h"
#include "plugin/recording.h"

namespace memsnap {

/// A snapshot of a session, made independent of it. Symbolizes every frame. `progress` is called now and then with the
/// share done; where it returns false, this fails with Code::interrupted. Code::unsupported for more than a file may
/// hold.
Result<SnapshotFile> pack(const Snapshot& snapshot, const Recording& recording, FrameSource& frames,
                          const std::function<bool(double)>& progress);

/// The same of two snapshots, in one set of tables: SnapshotFile::older is set.
Result<SnapshotFile> pack_difference(const Snapshot& older, const Snapshot& newer, const Recording& recording,
                                     FrameSource& frames, const std::function<bool(double)>& progress);

/// Reads what `memsnap save` or another program wrote: a gzipped pprof profile. `path` may begin with a home folder,
/// see expand_home. Errors: as of read_file and parse_pprof, with the path.
Result<SnapshotFile> read_profile(const std::string& path);

/// The way back: enters what the file's tables have into the session's, and returns the snapshot of that.
///
/// A module of the file becomes the session's own module of that path and build id, so that tracebacks of both are the
/// same ones; but where the two would say different things of a place, or where there is no build id to know the module
/// by, it becomes one for itself (Module::variant). So a loaded snapshot reads as when it was saved, and nothing that
/// the session has shown before changes.
Snapshot unpack(SnapshotFile file, Recording& recording, Symbolizer& symbolizer);

}  // namespace memsnap
