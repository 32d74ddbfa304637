#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/trace/frame.h"
#include "core/trace/rules.h"
#include "core/trace/traceback.h"

namespace memsnap {

/// A frame and what the rules say of it. `frame` belongs to the FrameSource, and lives as long.
struct JudgedFrame {
  const Frame* frame = nullptr;
  bool hidden = false;
  bool allocator = false;  ///< see is_allocator
  /// 0, 1, ... in the order of arrival, one for each frame of a place in code: an index for what others remember of a
  /// frame, until the rules change.
  std::uint32_t number = 0;
};

/// The frame that a traceback's blocks are charged to.
struct CallSite {
  std::size_t index = 0;  ///< in the traceback's frames, inlined ones counted
  JudgedFrame judged;     ///< hidden where every frame of the traceback is
};

/// The frames of tracebacks under the rules in force: what is hidden, and which one is blamed.
///
/// Lifetime: borrows everything it is given. Caches per frame and per traceback; the caches follow the rules' version.
class Blame {
 public:
  Blame(const TracebackTable& tracebacks, FrameSource& source, const HideRules& rules)
      : tracebacks_(tracebacks), source_(source), rules_(rules) {}

  /// All frames, inlined ones included, most recent first. Empty only for a traceback without frames.
  std::vector<Frame> frames(TracebackId id);
  /// The same without a copy, each with its judgement. Valid until the next call.
  std::span<const JudgedFrame> judged_frames(TracebackId id);

  /// The index in frames(id) of the call site: the innermost frame that is not hidden; where every frame is hidden, the
  /// innermost outside the allocator, at last frame 0. nullopt for a traceback without frames.
  std::optional<std::size_t> call_site(TracebackId id);
  /// The same with the frame itself.
  std::optional<CallSite> find_call_site(TracebackId id);
  /// How the call site is called where it stands alone: `list.cpp:12`, or as module_function has it where every frame
  /// is hidden; `<unknown>` for a traceback without frames.
  std::string call_site_name(TracebackId id);

  bool hides(const Frame& frame) const { return rules_.hides(frame); }
  StoredTraceback traceback(TracebackId id) const { return tracebacks_.stored(id); }
  /// An order of tracebacks that is the same in every session: modules by their paths, not by the numbers that a
  /// session gave them.
  std::strong_ordering compare(TracebackId a, TracebackId b);

 private:
  struct KnownSite {
    bool is_known = false;
    std::optional<CallSite> site;
  };

  const std::vector<JudgedFrame>& judge(FrameId id);
  std::optional<CallSite> search(TracebackId id);
  void follow_rules();

  const TracebackTable& tracebacks_;
  FrameSource& source_;
  const HideRules& rules_;
  std::vector<std::vector<JudgedFrame>> judged_;  // by FrameId; empty where it was not asked yet
  std::vector<KnownSite> sites_;                  // by TracebackId
  std::uint32_t frames_judged_ = 0;
  std::vector<JudgedFrame> scratch_;  // what judged_frames hands out
  std::uint64_t version_ = 0;
};

}  // namespace memsnap
