#include "plugin/source_reader.h"

#include <filesystem>
#include <fstream>

namespace memsnap {

std::optional<std::string> SourceReader::line(const std::string& file, std::uint32_t line) {
  const auto [entry, is_new] = files_.try_emplace(file);
  if (is_new) {
    const auto path = debugger_.source_path(file);
    std::error_code ignored;
    // Only regular files: a fifo would hang, a device never end.
    if (std::filesystem::is_regular_file(path, ignored)) {
      std::ifstream source(path);
      for (std::string text; std::getline(source, text);) {
        entry->second.push_back(std::move(text));
      }
    }
  }
  if (line == 0 || line > entry->second.size()) {
    return std::nullopt;
  }
  return entry->second[line - 1];
}

}  // namespace memsnap
