#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/debugger.h"

namespace memsnap {

/// Lines of source files, where the debugger knows them to be. Each file is read once.
class SourceReader {
 public:
  explicit SourceReader(Debugger& debugger) : debugger_(debugger) {}
  /// Line `line` (1-based) without its end of line; nullopt where it cannot be read.
  std::optional<std::string> line(const std::string& file, std::uint32_t line);
  /// Reads everything anew from now on: sources may have moved or changed.
  void forget() { files_.clear(); }

 private:
  Debugger& debugger_;
  std::map<std::string, std::vector<std::string>> files_;
};

}  // namespace memsnap
