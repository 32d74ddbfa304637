#include "core/trace/blame.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "core/module.h"

namespace memsnap {

std::vector<Frame> Blame::frames(TracebackId id) {
  std::vector<Frame> copies;
  for (const auto& judged : judged_frames(id)) {
    copies.push_back(*judged.frame);
  }
  return copies;
}

std::span<const JudgedFrame> Blame::judged_frames(TracebackId id) {
  follow_rules();
  scratch_.clear();
  for (const auto& stored : traceback(id).frames) {
    const auto& judged = judge(stored);
    scratch_.insert(scratch_.end(), judged.begin(), judged.end());
  }
  return scratch_;
}

std::optional<std::size_t> Blame::call_site(TracebackId id) {
  const auto site = find_call_site(id);
  return site ? std::optional(site->index) : std::nullopt;
}

std::string Blame::call_site_name(TracebackId id) {
  const auto site = find_call_site(id);
  if (!site) {
    return "<unknown>";
  }
  const auto& frame = *site->judged.frame;
  return frame.has_line() && !site->judged.hidden ? fmt::format("{}:{}", base_name(frame.file), frame.line)
                                                  : module_function(frame);
}

std::optional<CallSite> Blame::find_call_site(TracebackId id) {
  follow_rules();
  const auto number = static_cast<std::size_t>(id);
  if (number >= sites_.size()) {
    sites_.resize(tracebacks_.size());
  }
  auto& known = sites_[number];
  if (!known.is_known) {
    known = {true, search(id)};
  }
  return known.site;
}

std::strong_ordering Blame::compare(TracebackId a, TracebackId b) {
  const auto left = traceback(a);
  const auto right = traceback(b);
  const auto [one, other] = std::ranges::mismatch(left.frames, right.frames);
  if (one == left.frames.end() || other == right.frames.end()) {
    const auto numbers = [](const StoredTraceback& traceback) {
      return std::tuple(traceback.frames.size(), traceback.end, traceback.stopped_at);
    };
    return numbers(left) <=> numbers(right);
  }
  const auto& first = tracebacks_.frame(*one);
  const auto& second = tracebacks_.frame(*other);
  if (first.kind != second.kind || first.pc.module == second.pc.module) {
    return first <=> second;
  }
  if (const auto order = source_.frames(first.pc).front().module <=> source_.frames(second.pc).front().module;
      order != 0) {
    return order;
  }
  const auto order = first.pc.offset <=> second.pc.offset;
  return order != 0 ? order : first.pc.module <=> second.pc.module;
}

// Stops at the first frame that will do, so that the frames above it need not be symbolized.
std::optional<CallSite> Blame::search(TracebackId id) {
  std::optional<CallSite> innermost;
  std::optional<CallSite> outside_allocator;
  std::size_t index = 0;
  for (const auto& stored : traceback(id).frames) {
    for (const auto& judged : judge(stored)) {
      const CallSite site{index++, judged};
      if (!judged.hidden) {
        return site;
      }
      if (!innermost) {
        innermost = site;
      }
      if (!outside_allocator && !judged.allocator) {
        outside_allocator = site;
      }
    }
  }
  return outside_allocator ? outside_allocator : innermost;
}

const std::vector<JudgedFrame>& Blame::judge(FrameId id) {
  const auto number = static_cast<std::size_t>(id);
  if (number >= judged_.size()) {
    judged_.resize(tracebacks_.frame_count());
  }
  auto& judged = judged_[number];
  if (judged.empty()) {
    for (const auto& frame : source_.frames(tracebacks_.frame(id).pc)) {
      const bool hidden = rules_.hides(frame);
      judged.push_back({&frame, hidden, hidden && is_allocator(frame), frames_judged_++});
    }
  }
  return judged;
}

void Blame::follow_rules() {
  if (version_ != rules_.version()) {
    version_ = rules_.version();
    judged_.clear();
    sites_.clear();
    frames_judged_ = 0;
  }
}

}  // namespace memsnap
