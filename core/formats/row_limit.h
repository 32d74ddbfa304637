#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace memsnap {

/// How many of `rows` are shown under `--limit limit`: 0 stands for all.
inline std::size_t rows_shown(std::size_t limit, std::size_t rows) { return limit == 0 ? rows : std::min(limit, rows); }

/// The line that stands for those that are not: `... and 12 more rows`; empty where there are none. `what`: of one.
inline std::string more_text(std::size_t more, std::string_view what) {
  return more == 0 ? std::string() : fmt::format("... and {} more {}{}\n", more, what, more == 1 ? "" : "s");
}

}  // namespace memsnap
