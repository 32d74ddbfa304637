#include "core/heap/source_line.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/trace/identifier.h"

namespace memsnap {
namespace {

// The line's words, `::`, and other characters, without strings, comments and spaces.
std::vector<std::string_view> split_line(std::string_view line) {
  std::vector<std::string_view> tokens;
  for (std::size_t at = 0; at < line.size();) {
    const char c = line[at];
    auto end = at + 1;
    if (c == ' ' || c == '\t') {
      at = end;
      continue;
    }
    if (line.substr(at).starts_with("//")) {
      break;
    }
    if (line.substr(at).starts_with("/*")) {
      const auto close = line.find("*/", at + 2);
      at = close == std::string_view::npos ? line.size() : close + 2;
      continue;
    }
    if (c == '"' || c == '\'') {
      while (end < line.size() && line[end] != c) {
        end += line[end] == '\\' ? 2U : 1U;
      }
      at = end + 1;
      continue;
    }
    if (is_identifier(c)) {
      while (end < line.size() && is_identifier(line[end])) {
        ++end;
      }
    } else if (line.substr(at).starts_with("::")) {
      ++end;
    }
    tokens.push_back(line.substr(at, end - at));
    at = end;
  }
  return tokens;
}

// A name at `at`, which is moved behind it; empty where there is none. Without template arguments: their commas and
// brackets would have to be understood.
std::string name_at(const std::vector<std::string_view>& tokens, std::size_t& at) {
  std::string name;
  while (at < tokens.size() && (tokens[at] == "struct" || tokens[at] == "class" || tokens[at] == "const")) {
    ++at;
  }
  bool wants_word = true;
  for (; at < tokens.size(); ++at) {
    const bool is_name = is_identifier(tokens[at].front());
    if (tokens[at] == "::" && (!wants_word || name.empty())) {
      wants_word = true;
      name += name.empty() ? "" : "::";
    } else if (is_name && wants_word) {
      name += tokens[at];
      wants_word = false;
    } else if (is_name && !name.empty()) {
      name.append(" ").append(tokens[at]);  // `unsigned long`
    } else {
      break;
    }
  }
  return wants_word ? std::string() : name;
}

std::string_view token_at(const std::vector<std::string_view>& tokens, std::size_t at) {
  return at < tokens.size() ? tokens[at] : std::string_view();
}

std::optional<WrittenAllocation> new_expression(const std::vector<std::string_view>& tokens, std::size_t at) {
  // `new (std::nothrow) T`. A place to construct at looks the same, and allocates nothing.
  if (token_at(tokens, at) == "(") {
    const auto close = std::find(tokens.begin() + static_cast<std::ptrdiff_t>(at), tokens.end(), ")");
    if (close == tokens.end() || *(close - 1) != "nothrow") {
      return std::nullopt;
    }
    at = static_cast<std::size_t>(close - tokens.begin()) + 1;
  }
  WrittenAllocation written;
  written.type = name_at(tokens, at);
  const auto next = token_at(tokens, at);
  if (written.type.empty() || next == "<" || next == "*" || next == "::") {
    return std::nullopt;
  }
  written.is_many = next == "[";
  written.has_cookie = written.is_many;
  return written;
}

std::optional<WrittenAllocation> sized(const std::vector<std::string_view>& tokens, std::size_t at) {
  if (token_at(tokens, at) != "(") {
    return std::nullopt;  // `sizeof *p`
  }
  const auto begin = at++;
  WrittenAllocation written;
  written.type = name_at(tokens, at);
  if (written.type.empty() || token_at(tokens, at) != ")") {
    return std::nullopt;
  }
  // `malloc(sizeof(T))` and `calloc(1, sizeof(T))` are of one.
  const bool is_all = begin >= 3 && token_at(tokens, begin - 2) == "(" && token_at(tokens, at + 1) == ")";
  const bool is_one = begin >= 5 && tokens[begin - 2] == "," && tokens[begin - 3] == "1" && tokens[begin - 4] == "(";
  written.is_many = !is_all && !is_one;
  return written;
}

}  // namespace

std::optional<WrittenAllocation> written_allocation(std::string_view line) {
  static constexpr auto kCalls = std::to_array<std::string_view>({"malloc", "calloc", "realloc", "aligned_alloc"});
  const auto tokens = split_line(line);
  std::size_t news = 0;
  std::size_t calls = 0;
  std::size_t sizes = 0;
  std::optional<WrittenAllocation> found;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == "new" && (i == 0 || tokens[i - 1] != "operator")) {
      ++news;
      found = new_expression(tokens, i + 1);
    } else if (tokens[i] == "sizeof") {
      ++sizes;
      found = news == 0 ? sized(tokens, i + 1) : found;
    }
    calls += std::ranges::find(kCalls, tokens[i]) != kCalls.end() && token_at(tokens, i + 1) == "(" ? 1U : 0U;
  }
  // What is added to a size is no element.
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (news == 0 && (tokens[i] == "+" || (tokens[i] == "-" && token_at(tokens, i + 1) != ">"))) {
      return std::nullopt;
    }
  }
  const bool is_one = (news == 1 && calls == 0) || (news == 0 && calls == 1 && sizes == 1);
  return is_one ? found : std::nullopt;
}

}  // namespace memsnap
