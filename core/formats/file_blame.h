#pragma once

#include <optional>
#include <vector>

#include "core/formats/snapshot_file.h"
#include "core/trace/blame.h"
#include "core/trace/rules.h"
#include "core/trace/traceback.h"

namespace memsnap {

/// Blame over a file's own tables, without a session: what is hidden and what is charged, under these rules.
///
/// Lifetime: borrows the file and the rules.
class FileBlame {
 public:
  FileBlame(const SnapshotFile& file, const HideRules& rules);

  Blame& blame() { return blame_; }
  /// The traceback of a stack of the file.
  TracebackId traceback(std::size_t stack) const { return ids_[stack]; }
  /// The file's snapshots, by these tracebacks.
  Snapshot snapshot() const { return by_traceback(file_.snapshot); }
  /// Only for a file that has an older one.
  Snapshot older() const { return by_traceback(*file_.older); }

 private:
  // A place's number is its Pc here.
  class Frames final : public FrameSource {
   public:
    explicit Frames(const SnapshotFile& file) : file_(file) {}
    const std::vector<Frame>& frames(const Pc& pc) override { return file_.places.at(pc.offset).frames; }

   private:
    const SnapshotFile& file_;
  };

  Snapshot by_traceback(const Snapshot& snapshot) const;

  const SnapshotFile& file_;
  Frames frames_;
  TracebackTable tracebacks_;
  std::vector<TracebackId> ids_;  // by stack
  Blame blame_;
};

}  // namespace memsnap
