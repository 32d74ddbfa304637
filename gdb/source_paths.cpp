#include "gdb/source_paths.h"

#include <filesystem>
#include <sstream>

namespace memsnap {
namespace {

namespace fs = std::filesystem;

// The texts between ` and ' of a line, in turn.
std::vector<std::string> texts_in_quotes(const std::string& line) {
  std::vector<std::string> found;
  for (auto begin = line.find('`'); begin != std::string::npos; begin = line.find('`', begin + 1)) {
    const auto end = line.find('\'', begin);
    if (end == std::string::npos) {
      break;
    }
    found.push_back(line.substr(begin + 1, end - begin - 1));
  }
  return found;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_substitutions(const std::string& shown) {
  // Each rule is a line: "  `/old' -> `/new'."
  std::vector<std::pair<std::string, std::string>> rules;
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    if (auto texts = texts_in_quotes(line); texts.size() == 2) {
      rules.emplace_back(std::move(texts[0]), std::move(texts[1]));
    }
  }
  return rules;
}

std::vector<std::string> parse_directories(const std::string& shown) {
  // One line: "Source directories searched: /one:/two:$cdir:$cwd"
  std::vector<std::string> directories;
  const auto colon = shown.find(": ");
  std::istringstream list(colon == std::string::npos ? "" : shown.substr(colon + 2));
  for (std::string directory; std::getline(list, directory, ':');) {
    while (!directory.empty() && directory.back() == '\n') {
      directory.pop_back();
    }
    if (!directory.empty() && directory.front() != '$') {
      directories.push_back(directory);
    }
  }
  return directories;
}

std::string find_source(const std::string& path, const std::vector<std::pair<std::string, std::string>>& substitutions,
                        const std::vector<std::string>& directories) {
  auto substituted = path;
  for (const auto& [from, to] : substitutions) {
    if (path.starts_with(from) && (path.size() == from.size() || path[from.size()] == '/' || from.ends_with('/'))) {
      substituted = to + path.substr(from.size());
      break;
    }
  }
  if (is_file(substituted)) {
    return substituted;
  }
  for (const fs::path directory : directories) {
    for (const auto& candidate :
         {directory / fs::path(substituted).relative_path(), directory / fs::path(substituted).filename()}) {
      if (is_file(candidate)) {
        return candidate;
      }
    }
  }
  return substituted;
}

}  // namespace memsnap
