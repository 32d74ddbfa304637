#include "core/trace/glob.h"

#include <optional>

namespace memsnap {
namespace {

constexpr auto kNone = std::string_view::npos;

// What stands behind a `[...]` that begins `pattern`, and whether `c` is in it; nullopt where no `]` ends it.
struct Set {
  std::size_t length;
  bool contains;
};

std::optional<Set> read_set(std::string_view pattern, char c) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  i += negated ? 1 : 0;
  const auto end = pattern.find(']', i + 1);  // a ']' in the first place is a member
  if (end == kNone) {
    return std::nullopt;
  }
  bool found = false;
  while (i < end) {
    const bool is_range = i + 2 < end && pattern[i + 1] == '-';
    found = found || (is_range ? pattern[i] <= c && c <= pattern[i + 2] : pattern[i] == c);
    i += is_range ? 3 : 1;
  }
  return Set{end + 1, found != negated};
}

// How much of `pattern` the character `c` uses up; 0 where it does not fit. `pattern` is not empty, its first is no
// `*`.
std::size_t match_one(std::string_view pattern, char c) {
  if (pattern.front() == '[') {
    if (const auto set = read_set(pattern, c)) {
      return set->contains ? set->length : 0;
    }
  } else if (pattern.front() == '?') {
    return 1;
  }
  return pattern.front() == c ? 1 : 0;
}

}  // namespace

// Goes back to the last star only, which is enough: what an earlier one took can stay taken. No recursion, and at most
// pattern times text steps.
bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t behind_star = kNone;
  std::size_t star_text = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      behind_star = ++at;
      star_text = i;
      continue;
    }
    if (const auto used = at < pattern.size() ? match_one(pattern.substr(at), text[i]) : 0; used != 0) {
      at += used;
      ++i;
    } else if (behind_star != kNone) {
      at = behind_star;
      i = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == kNone;
}

}  // namespace memsnap
