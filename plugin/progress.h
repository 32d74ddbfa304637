#pragma once

#include <chrono>
#include <string>

#include "plugin/debugger.h"

namespace memsnap {

/// Shows a passing line where standard output is a terminal, as Debugger::show_progress asks; an empty one takes it
/// away.
void write_passing_line(const std::string& line);

/// Progress of one long piece of work: silent for its first second, then a passing line on a terminal; ends it at
/// Ctrl-C.
class Progress {
 public:
  Progress(Debugger& debugger, std::string what) : debugger_(debugger), what_(std::move(what)) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `share` is done, 0 to 1. False: the user wants it to end.
  bool operator()(double share);

 private:
  Debugger& debugger_;
  std::string what_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  int shown_ = -1;  // percent
};

}  // namespace memsnap
