#include "core/formats/file_blame.h"

namespace memsnap {

FileBlame::FileBlame(const SnapshotFile& file, const HideRules& rules)
    : file_(file), frames_(file), blame_(tracebacks_, frames_, rules) {
  Traceback traceback;
  for (const auto& stack : file.stacks) {
    traceback.frames.clear();
    for (const auto place : stack.places) {
      traceback.frames.push_back({FrameKind::native, {ModuleId::none, place}});
    }
    traceback.end = stack.end;
    traceback.stopped_at = stack.stopped_at;
    ids_.push_back(tracebacks_.intern(traceback));
  }
}

Snapshot FileBlame::by_traceback(const Snapshot& snapshot) const {
  auto copy = snapshot;
  for (auto& live : copy.counts) {
    live.origin.traceback = traceback(static_cast<std::size_t>(live.origin.traceback));
  }
  for (auto& freed : copy.freed) {
    freed.traceback = traceback(static_cast<std::size_t>(freed.traceback));
  }
  return copy;
}

}  // namespace memsnap
