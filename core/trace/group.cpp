#include "core/trace/group.h"

#include <tuple>
#include <utility>

#include "core/module.h"

namespace memsnap {
namespace {

// The fields by which a frame is told apart under `key`.
Group describe(Key key, const Frame& frame, bool by_line) {
  Group group;
  if (key == Key::module) {
    group.label = frame.module.empty() ? "?" : base_name(frame.module);
    group.module = frame.module;
  } else if (!by_line || (key == Key::function ? frame.function : frame.file).empty()) {
    group.label = module_function(frame);
    group.function = frame.function;
    group.module = frame.module;
  } else if (key == Key::function) {
    group.label = group.function = frame.function;
  } else {
    group.file = frame.file;
    group.line = key == Key::filename ? 0 : frame.line;
  }
  return group;
}

}  // namespace

std::strong_ordering compare(const Group& a, const Group& b, Blame& blame) {
  const auto name = [](const Group& group) { return std::tie(group.file, group.line, group.label); };
  if (const auto order = name(a) <=> name(b); order != 0) {
    return order;
  }
  if (a.traceback && b.traceback && a.traceback != b.traceback) {
    return blame.compare(*a.traceback, *b.traceback);
  }
  return a <=> b;
}

std::size_t GroupTable::of_frame(const JudgedFrame& judged, bool by_line) {
  constexpr auto kUnknown = static_cast<std::size_t>(-1);
  if (judged.number >= frames_.size()) {
    frames_.resize(judged.number + std::size_t{1}, kUnknown);
  }
  auto& known = frames_[judged.number];
  if (known == kUnknown) {
    known = add(describe(key_, *judged.frame, by_line));
  }
  return known;
}

std::size_t GroupTable::of_traceback(TracebackId id, const std::optional<CallSite>& site) {
  Group group;
  if (site) {
    const auto& frame = *site->judged.frame;
    group = describe(key_, frame, !site->judged.hidden);
    group.function = frame.function;
    group.module = frame.module;
  } else {
    group.label = "<unknown>";
  }
  group.traceback = id;
  groups_.push_back(std::move(group));
  return groups_.size() - 1;
}

std::size_t GroupTable::of_label(std::string label) {
  Group group;
  group.label = std::move(label);
  return add(std::move(group));
}

std::size_t GroupTable::add(Group group) {
  const auto [entry, is_new] = ids_.try_emplace(std::move(group), groups_.size());
  if (is_new) {
    groups_.push_back(entry->first);
  }
  return entry->second;
}

}  // namespace memsnap
