#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "core/formats/snapshot_file.h"
#include "core/trace/frame.h"

namespace memsnap {

/// What is live behind one path, in the snapshot and in the older one of a difference.
struct Amounts {
  std::uint64_t size = 0;   ///< bytes
  std::uint64_t count = 0;  ///< blocks
  std::uint64_t old_size = 0;
  std::uint64_t old_count = 0;

  auto operator<=>(const Amounts&) const = default;
  void add(const Amounts& other);
};

/// The live tracebacks of a snapshot (or a difference) as flame graphs want them: frames that people tell apart, the
/// outermost one first, each sequence of them once, whatever its addresses, domains and threads.
struct Paths {
  struct Path {
    std::vector<std::uint32_t> frames;  ///< in Paths::frames, outermost first; never empty
    Amounts amounts;
  };

  /// Each once, in their own order. A frame's offset is 0 but for code that has no name and no line. Two kinds of it
  /// are no code: what stands before the frames of a traceback that could not be walked to its end (`[frame limit]`,
  /// `[no unwind information]`), and `<unknown>` for a traceback without frames.
  std::vector<Frame> frames;
  /// In the order of their frames' numbers.
  std::vector<Path> paths;
};

Paths make_paths(const SnapshotFile& file);

/// What is live of each of the file's stacks.
/// Shape: one for each of SnapshotFile::stacks.
std::vector<Amounts> amounts_by_stack(const SnapshotFile& file);

/// How a frame of Paths is called: `get_data()`, `libc.so.6!strdup` where it has no line, `libc.so.6!0x271ca`.
std::string frame_name(const Frame& frame);

}  // namespace memsnap
