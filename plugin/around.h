#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "plugin/arguments.h"
#include "plugin/progress.h"
#include "plugin/session.h"

namespace memsnap {

/// What the user asked `around` for.
struct AroundOptions {
  std::string function;  ///< as they wrote it
  Key key = Key::lineno;
  TableOptions table;
  std::optional<std::uint32_t> repeat;  ///< calls to compare, after one to warm up
};

/// Runs the process to a function and out of it, and tells what that changed. It may be stopped on its way by what is
/// the user's, and goes on when they say so.
///
/// One call: a snapshot where it is entered, and one where it has ended. Several calls: a snapshot where the first one
/// has ended, and one where the last has, so that what a call hands to its caller, who gives it back before the next
/// one, counts for nothing.
class Around {
 public:
  explicit Around(Session& session) : session_(session) {}

  /// Returns the output. Errors: those of Session::engine; Code::no_process, Code::not_found for the function,
  /// Code::usage while one is under way.
  Result<std::string> begin(AroundOptions options);
  /// The same for what was stopped on its way.
  Result<std::string> go_on();
  /// Another process is there now: what was stopped on its way in the last one is over.
  void new_process();

 private:
  Result<std::string> run();
  Result<std::string> run_calls(std::string& text);
  /// Takes note of the call that has ended. Returns whether it was the last one.
  Result<bool> end_call(std::string& text);
  Result<bool> end_single(std::string& text);
  Result<void> compare_with_last(SnapshotPtr now);
  Result<std::string> finish(const std::string& text);
  Result<std::string> finish_short(const std::string& text);
  std::string stopped_line() const;
  std::string calls_done() const;
  Grouping grouping(Progress& progress);
  void close();

  Session& session_;
  AroundOptions options_;
  bool is_open_ = false;
  bool is_running_ = false;
  SnapshotPtr before_;
  SnapshotPtr after_;
  // Of several calls.
  SnapshotPtr last_;  // where the last call had ended
  std::uint32_t done_ = 0;
  std::uint32_t left_ = 0;                // of those, the ones that did not return
  std::map<Group, std::uint32_t> grown_;  // in how many of them each row grew
};

}  // namespace memsnap
