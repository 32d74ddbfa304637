#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/trace/blame.h"
#include "core/trace/rules.h"

namespace memsnap {

/// Filters at work on tracebacks. What one says of a frame is remembered, as a stack's frames come again and again.
///
/// Borrows everything for its life, in which the rules of `blame` do not change.
class FilterSet {
 public:
  FilterSet(std::span<const Filter> filters, Blame& blame);

  bool passes(TracebackId id);

 private:
  enum class Match : std::uint8_t { unknown, no, yes };

  bool site_matches(std::size_t filter, TracebackId id);
  bool any_matches(std::size_t filter, TracebackId id);
  bool frame_matches(std::size_t filter, const JudgedFrame& judged);

  std::span<const Filter> filters_;
  Blame& blame_;
  std::vector<std::vector<Match>> known_;  // by filter and JudgedFrame::number
  Frame unknown_;                          // what tracemalloc puts where it has no frames
};

}  // namespace memsnap
