#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/trace/blame.h"
#include "core/trace/key.h"

namespace memsnap {

/// What one row stands for. Which fields are filled depends on the key; those that do not apply are empty (0).
struct Group {
  std::string file;        ///< lineno, filename, traceback: whole path of the blamed frame's file
  std::uint32_t line = 0;  ///< lineno, traceback
  /// How the row is called where no file is: a function, a module's base name, "module!function", a domain, a thread,
  /// "<unknown>" for blocks without frames.
  std::string label;
  /// Key function, the rows shown as module!function, and key traceback (of the blamed frame).
  std::string function;
  /// Whole path; key module, the rows shown as module!function, and key traceback (of the blamed frame).
  std::string module;
  std::optional<TracebackId> traceback;  ///< for Key::traceback

  /// The ids of tracebacks stand for their frames here: equality is right, the order among them is that of arrival.
  auto operator<=>(const Group&) const = default;
};

/// The order of rows that are equal in all numbers: file, line as a number, label, then the traceback's frames
/// (tracemalloc compares frame tuples likewise), then what is left, so that it is total and the same in every session.
std::strong_ordering compare(const Group& a, const Group& b, Blame& blame);

/// The groups of one table, each once, by index.
class GroupTable {
 public:
  explicit GroupTable(Key key) : key_(key) {}

  /// The group of a frame, for lineno, filename, function and module. `by_line`: as its file, line or function;
  /// otherwise as module!function.
  std::size_t of_frame(const JudgedFrame& judged, bool by_line);
  /// The group of a whole traceback, for Key::traceback: a new one with every call. `site` is its call site.
  std::size_t of_traceback(TracebackId id, const std::optional<CallSite>& site);
  /// The group called `label`: a domain, a thread, what has no frames.
  std::size_t of_label(std::string label);

  const Group& get(std::size_t index) const { return groups_[index]; }
  /// All groups by index; the table is empty after that.
  std::vector<Group> take_groups() { return std::move(groups_); }

 private:
  std::size_t add(Group group);

  Key key_;
  std::vector<Group> groups_;
  std::map<Group, std::size_t> ids_;
  std::vector<std::size_t> frames_;  // by JudgedFrame::number: each frame's strings are looked up once
};

}  // namespace memsnap
