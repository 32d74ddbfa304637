#include "core/formats/size.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <string_view>
#include <system_error>

namespace memsnap {
namespace {

constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

// Whether `word` is `unit`, its first letter, or that and a B.
bool names_unit(std::string_view word, std::string_view unit) {
  if (word.empty() || lower(word.front()) != lower(unit.front())) {
    return false;
  }
  const auto rest = word.substr(1);
  const bool is_short = rest.empty() || (unit.size() > 1 && rest.size() == 1 && lower(rest[0]) == 'b');
  return is_short || std::ranges::equal(word, unit, {}, lower, lower);
}

// tracemalloc._format_size, on doubles as there: the same bytes give the same digits.
std::string format(double size, bool with_sign) {
  for (std::size_t i = 0;; ++i, size /= 1024) {
    const auto unit = kUnits.at(i);
    if (std::abs(size) < 100 && i != 0) {
      return with_sign ? fmt::format("{:+.1f} {}", size, unit) : fmt::format("{:.1f} {}", size, unit);
    }
    if (std::abs(size) < 10 * 1024 || i + 1 == kUnits.size()) {
      return with_sign ? fmt::format("{:+.0f} {}", size, unit) : fmt::format("{:.0f} {}", size, unit);
    }
  }
}

}  // namespace

std::string format_size(std::uint64_t bytes) { return format(static_cast<double>(bytes), false); }

std::string format_size_diff(std::int64_t bytes) { return format(static_cast<double>(bytes), true); }

std::string format_average(std::uint64_t size, std::uint64_t count) {
  return format(static_cast<double>(size) / static_cast<double>(count), false);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  double number = 0;
  const auto* begin = std::to_address(text.begin());
  const auto* end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, number, std::chars_format::fixed);
  if (error != std::errc() || number < 0) {
    return std::nullopt;
  }
  std::string_view unit(rest, end);
  if (const auto letter = unit.find_first_not_of(' '); letter != std::string_view::npos) {
    unit.remove_prefix(letter);
  } else {
    unit = "B";
  }
  for (const auto each : kUnits) {
    if (names_unit(unit, each)) {
      const bool fits = number < static_cast<double>(std::numeric_limits<std::int64_t>::max());
      return fits ? std::optional(static_cast<std::uint64_t>(std::llround(number))) : std::nullopt;
    }
    number *= 1024;
  }
  return std::nullopt;
}

}  // namespace memsnap
