#include "core/formats/folded.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "core/module.h"

namespace memsnap {
namespace {

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

std::string safe(std::string name) {
  for (auto& letter : name) {
    if (letter == ';') {
      letter = ':';
    } else if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f') {
      letter = ' ';
    }
  }
  // A last word that is a number would be taken for one of the line's own.
  const auto end = name.find_last_not_of("0123456789.");
  if (!name.empty() && is_digit(name.back()) && end != std::string::npos && name[end] == ' ') {
    name[end] = '_';
  }
  return name;
}

std::string frame_text(const Frame& frame) {
  auto name = frame_name(frame);
  if (frame.has_line()) {
    name += fmt::format(" ({}:{})", base_name(frame.file), frame.line);
  }
  return safe(std::move(name));
}

}  // namespace

std::string to_folded(const Paths& paths, bool is_diff) {
  std::vector<std::string> names;
  names.reserve(paths.frames.size());
  for (const auto& frame : paths.frames) {
    names.push_back(frame_text(frame));
  }
  // Frames of other files of that name, or other modules', are one here.
  std::map<std::string, Amounts> lines;
  std::string line;
  for (const auto& path : paths.paths) {
    if (path.amounts.size == 0 && path.amounts.old_size == 0) {
      continue;
    }
    line.clear();
    for (const auto frame : path.frames) {
      line.append(line.empty() ? "" : ";").append(names[frame]);
    }
    lines[line].add(path.amounts);
  }
  std::string text;
  for (const auto& [stack, amounts] : lines) {
    text += is_diff ? fmt::format("{} {} {}\n", stack, amounts.old_size, amounts.size)
                    : fmt::format("{} {}\n", stack, amounts.size);
  }
  return text;
}

}  // namespace memsnap
