#include "core/trace/frame.h"

#include <fmt/format.h>

#include "core/module.h"
#include "core/trace/identifier.h"

namespace memsnap {
namespace {

constexpr auto kNone = std::string_view::npos;

// Where the argument list begins; npos where the name has none.
std::size_t arguments(std::string_view function) {
  const auto last = function.rfind(')');
  // A name such as "(anonymous namespace)::f" or "f<(Kind)1>" goes on behind its last parenthesis.
  if (last == kNone || (last + 1 < function.size() && function[last + 1] != ' ')) {
    return kNone;
  }
  int depth = 0;
  for (auto i = last + 1; i-- > 0;) {
    depth += function[i] == ')' ? 1 : function[i] == '(' ? -1 : 0;
    if (depth == 0) {
      return i == 0 || function.substr(0, i).ends_with("operator") ? kNone : i;
    }
  }
  return kNone;
}

// Where the name of an operator function begins, as it may hold spaces and angle brackets itself; else the end.
std::size_t operator_word(std::string_view name) {
  constexpr std::string_view kOperator = "operator";
  const auto at = name.rfind(kOperator);
  if (at == kNone || (at > 0 && is_identifier(name[at - 1]))) {
    return name.size();
  }
  const auto behind = at + kOperator.size();
  return behind < name.size() && is_identifier(name[behind]) ? name.size() : at;
}

}  // namespace

std::string_view bare_function_name(std::string_view function) {
  const auto end = arguments(function);
  if (end == kNone) {
    return function;
  }
  const auto name = function.substr(0, end);
  // A return type ends at the last space that no bracket encloses.
  int depth = 0;
  for (auto i = operator_word(name); i-- > 0;) {
    switch (name[i]) {
      case '>':
      case ')':
      case '}':
        ++depth;
        break;
      case '<':
      case '(':
      case '{':
        --depth;
        break;
      case ' ':
        if (depth <= 0) {
          return name.substr(i + 1);
        }
        break;
      default:
        break;
    }
  }
  return name;
}

std::string module_function(const Frame& frame) {
  if (frame.module.empty()) {
    return frame.function.empty() ? fmt::format("{:#x}", frame.offset) : frame.function;
  }
  const auto module = base_name(frame.module);
  return frame.function.empty() ? fmt::format("{}!{:#x}", module, frame.offset)
                                : fmt::format("{}!{}", module, frame.function);
}

}  // namespace memsnap
