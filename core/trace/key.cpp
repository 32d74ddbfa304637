#include "core/trace/key.h"

#include <array>

namespace memsnap {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 8> kWords = {"lineno", "filename", "function", "traceback",
                                                    "module", "domain",   "thread",   "type"};

}  // namespace

std::string_view to_string(Key key) { return kWords.at(static_cast<std::size_t>(key)); }

std::optional<Key> parse_key(std::string_view word) {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) {
      return static_cast<Key>(i);
    }
  }
  return std::nullopt;
}

std::string key_words() {
  std::string words;
  for (const auto word : kWords) {
    words.append(words.empty() ? "" : ", ").append(word);
  }
  return words;
}

bool can_cumulate(Key key) {
  return key == Key::lineno || key == Key::filename || key == Key::function || key == Key::module;
}

}  // namespace memsnap
