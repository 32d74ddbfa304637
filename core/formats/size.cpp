#include "core/formats/size.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>

namespace memsnap {
namespace {

// tracemalloc._format_size, on doubles as there: the same bytes give the same digits.
std::string format(double size, bool with_sign) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
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

}  // namespace memsnap
