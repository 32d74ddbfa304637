#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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

/// A frame there.
enum class FrameId : std::uint32_t {};

/// A Traceback as the table has it. Valid for the table's life.
struct StoredTraceback {
  std::span<const FrameId> frames;
  TracebackEnd end = TracebackEnd::complete;
  Address stopped_at;
};

/// Every distinct traceback of a session, and every distinct frame of these, each stored once and never forgotten.
class TracebackTable {
 public:
  TracebackTable() = default;
  TracebackTable(const TracebackTable&) = delete;
  TracebackTable& operator=(const TracebackTable&) = delete;

  /// The id of this traceback, new or known. Amortized one hash of the frames.
  TracebackId intern(const Traceback& traceback);
  /// The same, of frames that are in this table.
  TracebackId intern(const StoredTraceback& traceback);
  FrameId intern(const StoredFrame& frame);
  /// Makes room for `count` tracebacks in all.
  void reserve(std::size_t count);

  /// Ids must come from this table. A frame's reference is good until another one comes.
  StoredTraceback stored(TracebackId id) const;
  const StoredFrame& frame(FrameId id) const { return frames_[static_cast<std::size_t>(id)]; }
  Traceback get(TracebackId id) const;
  /// The module of the innermost frame, which called the allocator; ModuleId::none where that is in none, or there is
  /// no frame.
  ModuleId innermost_module(TracebackId id) const;

  std::size_t size() const { return entries_.size(); }
  std::size_t frame_count() const { return frames_.size(); }
  /// Memory held, in bytes, about right.
  std::size_t memory_bytes() const;

 private:
  struct Entry {
    const FrameId* frames;
    Address stopped_at;
    std::uint64_t hash;
    std::uint32_t count;
    TracebackEnd end;
  };
  struct FrameHash {
    std::size_t operator()(const StoredFrame& frame) const noexcept { return std::hash<Pc>()(frame.pc); }
  };

  bool is_same(const Entry& entry, const StoredTraceback& traceback) const;
  const FrameId* store(std::span<const FrameId> frames);

  std::vector<StoredFrame> frames_;
  std::unordered_map<StoredFrame, FrameId, FrameHash> frame_ids_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> index_;  // open addressing, by hash: an id + 1, or 0
  std::vector<std::unique_ptr<FrameId[]>> chunks_;
  std::span<FrameId> room_;  // at the end of the last one
  std::size_t stored_ = 0;   // FrameIds in all of them
  std::vector<FrameId> scratch_;
};

}  // namespace memsnap
