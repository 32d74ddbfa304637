#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace memsnap {

/// A size as tracemalloc writes it: `82.8 KiB`, `2392 KiB`, `99 B`; units by 1024 up to TiB; one decimal under 100 and
/// not in B, none under 10240 or in TiB.
std::string format_size(std::uint64_t bytes);
/// The same with its sign always: `+0 B`, `-1.5 KiB`.
std::string format_size_diff(std::int64_t bytes);
/// The average size of `count` blocks, written likewise; `count` is not 0. Half a byte is rounded to even, as Python
/// does.
std::string format_average(std::uint64_t size, std::uint64_t count);

/// A size as a user types it: `4096`, `10KiB`, `1.5 MiB`; the unit may be cut short to its first letter (`10k`), in
/// either case, and is 1024 of the one before it. nullopt for anything else, and where it would not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace memsnap
