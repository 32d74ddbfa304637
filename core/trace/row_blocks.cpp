#include "core/trace/row_blocks.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace memsnap {
namespace {

bool is_called(std::span<const std::string> names, std::size_t id, const std::string& label) {
  return id < names.size() && names[id] == label;
}

}  // namespace

RowBlocks::RowBlocks(const Grouping& grouping, const Group& row, Blame& blame)
    : grouping_(grouping), row_(row), blame_(blame), filters_(grouping.filters, blame), groups_(grouping.key) {}

bool RowBlocks::has(const Origin& origin) {
  if (grouping_.key == Key::domain &&
      !is_called(grouping_.domains, static_cast<std::size_t>(origin.domain), row_.label)) {
    return false;
  }
  if (grouping_.key == Key::thread &&
      !is_called(grouping_.threads, static_cast<std::size_t>(origin.thread), row_.label)) {
    return false;
  }
  const auto [known, is_new] = known_.try_emplace(origin.traceback, false);
  if (is_new) {
    known->second = filters_.passes(origin.traceback) && has_traceback(origin.traceback);
  }
  return known->second;
}

bool RowBlocks::has_traceback(TracebackId id) {
  if (grouping_.key == Key::domain || grouping_.key == Key::thread || grouping_.key == Key::type) {
    return true;
  }
  if (grouping_.key == Key::traceback) {
    return row_.traceback == id;
  }
  if (grouping_.cumulative) {
    const auto frames = blame_.judged_frames(id);
    const auto charges_row = [&](const JudgedFrame& judged) {
      return is_row(groups_.of_frame(judged, judged.frame->has_line()));
    };
    return frames.empty() ? is_row(groups_.of_label("<unknown>")) : std::ranges::any_of(frames, charges_row);
  }
  const auto site = blame_.find_call_site(id);
  return is_row(site ? groups_.of_frame(site->judged, !site->judged.hidden) : groups_.of_label("<unknown>"));
}

}  // namespace memsnap
