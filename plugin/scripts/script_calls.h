#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "plugin/command.h"
#include "plugin/session.h"

namespace memsnap {

/// What a script's call is answered.
struct ScriptAnswer {
  std::string_view kind;  ///< empty where it was done; else what went wrong: usage, not_found, io, interrupted, failed
  std::string text;       ///< JSON, or nothing; the message for people where it went wrong
};

/// What scripts in the debugger's own language can ask of a session: what stands behind `import memsnap`.
///
/// A call is a word and its arguments, as a command is, so that any way to hand words over will do:
///   start NFRAMES ENGINE      does nothing while tracing, as tracemalloc.start
///   stop, clear, reset-peak   do nothing where nothing is traced
///   state                     {"tracing", "limit"}
///   memory                    [size, peak]; zeros where nothing is traced
///   overhead                  bytes
///   size, count, site FILE:LINE   a number: what is live now
///   snapshot NAME             see snapshot_json; it is kept under its handle until `release HANDLE`
///   dump HANDLE FILE [NUMBERS]    saves it, or those of its traces that NUMBERS, JSON, names
///   load FILE                 as `snapshot`
///   block ADDRESS             the traceback of the live block there, as a snapshot of it alone; null where there is
///   none source FILE               where the user keeps that file
class ScriptCalls {
 public:
  explicit ScriptCalls(Session& session) : session_(session) {}

  /// Nothing is thrown.
  ScriptAnswer call(Words words);

 private:
  Result<std::string> answer(std::string_view name, Words arguments);
  Result<std::string> start(Words arguments);
  Result<std::string> give(SnapshotPtr snapshot);
  Result<std::string> dump(Words arguments);
  Result<std::string> load(const std::string& file);
  Result<std::string> block(const std::string& address);

  Session& session_;
  std::map<std::uint64_t, SnapshotPtr> given_;  // by handle
  std::uint64_t last_handle_ = 0;
};

}  // namespace memsnap
