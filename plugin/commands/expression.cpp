#include "plugin/commands/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/formats/number.h"

namespace memsnap::commands {
namespace {

// As a debugger reads it: in decimal, or in hex behind 0x.
std::optional<std::uint64_t> parse_address(std::string_view text) {
  if (!text.starts_with("0x")) {
    return parse_number<std::uint64_t>(text);
  }
  std::uint64_t number = 0;
  const auto* end = std::to_address(text.end());
  const auto [rest, error] = std::from_chars(std::to_address(text.begin()) + 2, end, number, 16);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

}  // namespace

Result<std::string> split_expression(std::string_view command, Words words,
                                     std::initializer_list<std::pair<std::string_view, bool*>> flags) {
  std::string expression;
  for (const auto& word : words) {
    const auto flag = std::ranges::find(flags, word, &std::pair<std::string_view, bool*>::first);
    if (flag != flags.end()) {
      *flag->second = true;
    } else {
      expression += (expression.empty() ? "" : " ") + word;
    }
  }
  if (expression.empty()) {
    return fail(Code::usage, fmt::format("an expression is missing; usage: {}", usage_line(*find_command(command))));
  }
  return expression;
}

Result<Address> evaluate(Session& session, const std::string& expression) {
  if (const auto number = parse_address(expression)) {
    return Address{*number};
  }
  auto address = session.evaluate(expression);
  if (!address) {
    return fail(Code::debugger, fmt::format("'{}' cannot be evaluated: {}", expression, address.error().message));
  }
  return address;
}

}  // namespace memsnap::commands
