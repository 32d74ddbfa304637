#include "core/inject/placement.h"

#include <algorithm>
#include <vector>

namespace memsnap {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kReach = std::uint64_t{2048} * kMiB - kMiB;
constexpr std::uint64_t kStackGrowth = 16 * kMiB;
constexpr std::uint64_t kLowest = 0x10000;
constexpr std::uint64_t kHighest = 0x7fffffffe000;

constexpr std::uint64_t page_down(std::uint64_t address) { return address & ~(kPage - 1); }
constexpr std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a < b ? b - a : a - b; }

// The place nearest to `wanted` that begins at `low` or above and ends at `high` or below; whole pages.
std::optional<std::uint64_t> place(std::uint64_t low, std::uint64_t high, std::uint64_t size, std::uint64_t wanted) {
  if (high < low || high - low < size) {
    return std::nullopt;
  }
  return std::clamp(page_down(wanted), low, high - size);
}

std::optional<Address> find(std::span<const AddressRange> ascending, AddressRange within, std::uint64_t size,
                            std::uint64_t above) {
  const auto middle = within.begin.value + (within.end.value - within.begin.value) / 2;
  const auto wanted = middle < size / 2 ? 0 : middle - size / 2;
  std::optional<std::uint64_t> best;
  const auto try_gap = [&](std::uint64_t low, std::uint64_t high) {
    const auto found = place(std::max(low, whole_pages(within.begin.value)),
                             std::min(high, page_down(within.end.value)), size, wanted);
    if (found && (!best || distance(*found, wanted) < distance(*best, wanted))) {
      best = found;
    }
  };
  auto low = kLowest;
  for (const auto& range : ascending) {
    const auto begin = page_down(range.begin.value);
    if (begin >= above) {
      try_gap(low, begin - above);
    }
    low = std::max(low, whole_pages(range.end.value) + kPage);
  }
  try_gap(low, kHighest);
  return best ? std::optional(Address{*best}) : std::nullopt;
}

}  // namespace

AddressRange reachable(AddressRange code) {
  const auto begin = code.end.value < kReach ? 0 : code.end.value - kReach;
  const auto end = code.begin.value + kReach;
  return {{begin}, {std::max(begin, end)}};
}

std::optional<Address> find_gap(std::span<const AddressRange> mapped, AddressRange within, std::uint64_t size) {
  within = {{std::max(within.begin.value, kLowest)}, {std::min(within.end.value, kHighest)}};
  if (within.end <= within.begin || size == 0 || size > kHighest) {
    return std::nullopt;
  }
  // What lies above the user's half (the vsyscall page) is in nobody's way.
  std::vector<AddressRange> ascending(mapped.begin(), mapped.end());
  std::erase_if(ascending, [](const AddressRange& range) { return range.begin.value >= kHighest; });
  std::ranges::sort(ascending);
  for (const auto above : {kStackGrowth, kPage}) {
    if (const auto found = find(ascending, within, whole_pages(size), above)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace memsnap
