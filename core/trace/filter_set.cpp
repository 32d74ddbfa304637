#include "core/trace/filter_set.h"

#include <algorithm>

namespace memsnap {

FilterSet::FilterSet(std::span<const Filter> filters, Blame& blame)
    : filters_(filters), blame_(blame), known_(filters.size()) {
  unknown_.file = "<unknown>";
}

bool FilterSet::passes(TracebackId id) {
  bool asked_for = true;
  bool included = false;
  for (std::size_t i = 0; i < filters_.size(); ++i) {
    const bool matches = filters_[i].all_frames ? any_matches(i, id) : site_matches(i, id);
    if (filters_[i].inclusive) {
      asked_for = false;
      included = included || matches;
    } else if (matches) {
      return false;
    }
  }
  return asked_for || included;
}

bool FilterSet::site_matches(std::size_t filter, TracebackId id) {
  const auto site = blame_.find_call_site(id);
  return site ? frame_matches(filter, site->judged) : filters_[filter].matches(unknown_);
}

bool FilterSet::any_matches(std::size_t filter, TracebackId id) {
  const auto frames = blame_.judged_frames(id);
  return frames.empty()
             ? filters_[filter].matches(unknown_)
             : std::ranges::any_of(frames, [&](const JudgedFrame& judged) { return frame_matches(filter, judged); });
}

bool FilterSet::frame_matches(std::size_t filter, const JudgedFrame& judged) {
  auto& known = known_[filter];
  if (judged.number >= known.size()) {
    known.resize(judged.number + std::size_t{1}, Match::unknown);
  }
  auto& match = known[judged.number];
  if (match == Match::unknown) {
    match = filters_[filter].matches(*judged.frame) ? Match::yes : Match::no;
  }
  return match == Match::yes;
}

}  // namespace memsnap
