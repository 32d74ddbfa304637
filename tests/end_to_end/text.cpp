#include "tests/end_to_end/text.h"

#include <fstream>
#include <regex>
#include <stdexcept>

namespace memsnap::test {

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string result;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) {
      result += between;
    }
    result += part;
  }
  return result;
}

std::string quoted(const std::vector<std::string>& words) {
  return words.empty() ? "" : '"' + join(words, "\" \"") + '"';
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + separator.size());
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string normalised(std::string text) {
  static const std::regex address("0x[0-9a-f]+");
  text = replace_all(std::move(text), MEMSNAP_TARGET_SOURCES, "/src");
  text = replace_all(std::move(text), MEMSNAP_TARGETS, "/bin");
  return std::regex_replace(text, address, "0x...");
}

int line_of(const std::string& file, const std::string& name) {
  std::ifstream source(target_source(file));
  const std::string marker = "// site: " + name;
  int found = 0;
  int number = 0;
  for (std::string line; std::getline(source, line);) {
    ++number;
    if (line.ends_with(marker)) {
      if (found != 0) {
        throw std::runtime_error(file + " has two lines with " + marker);
      }
      found = number;
    }
  }
  if (found == 0) {
    throw std::runtime_error(file + " has no line with " + marker);
  }
  return found;
}

std::string target(const std::string& name) { return std::string(MEMSNAP_TARGETS "/") + name; }

std::string target_source(const std::string& file) { return std::string(MEMSNAP_TARGET_SOURCES "/") + file; }

}  // namespace memsnap::test
