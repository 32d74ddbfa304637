#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/address.h"

namespace memsnap {

/// What a stored frame's value is. One kind today; an interpreter's code object and instruction is the next.
enum class FrameKind : std::uint8_t { native };

/// A frame as it is stored: a tagged value that outlives the process. For FrameKind::native, `pc` is a return address.
struct StoredFrame {
  FrameKind kind = FrameKind::native;
  Pc pc;

  constexpr auto operator<=>(const StoredFrame&) const = default;
};

/// How a walk ended.
enum class TracebackEnd : std::uint8_t {
  complete,        ///< at the outermost frame
  frame_limit,     ///< at the number of frames that the user asked for
  no_unwind_info,  ///< at code that cannot be walked through
};

/// The frames that were on the stack at an allocation, most recent first, physical frames only (inlined ones come
/// with symbolization). The allocator's entry point itself is not among them: frame 0 is its caller.
struct Traceback {
  std::vector<StoredFrame> frames;
  TracebackEnd end = TracebackEnd::complete;
  Address stopped_at;  ///< for TracebackEnd::no_unwind_info, where; else 0

  auto operator<=>(const Traceback&) const = default;
};

/// A traceback in the session's TracebackTable.
enum class TracebackId : std::uint32_t {};

/// Every distinct traceback of a session, each stored once and never forgotten.
class TracebackTable {
 public:
  /// The id of this traceback, new or known. Amortized one hash of the frames.
  TracebackId intern(const Traceback& traceback);
  /// `id` must come from this table. The reference stays valid.
  const Traceback& get(TracebackId id) const { return tracebacks_[static_cast<std::size_t>(id)]; }
  std::size_t size() const { return tracebacks_.size(); }
  /// Memory held, in bytes, about right.
  std::size_t memory_bytes() const;

 private:
  std::deque<Traceback> tracebacks_;
  std::unordered_multimap<std::size_t, TracebackId> ids_;  // by hash of the frames
  std::size_t frames_stored_ = 0;
};

}  // namespace memsnap
