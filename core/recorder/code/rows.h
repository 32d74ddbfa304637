#pragma once

#include "core/recorder/code/system.h"

/// Modules and their unwind rows, as the debugger has prepared them.
namespace memsnap::recorder {

/// The module that `address` lies in, or nullptr.
inline const ModuleRows* find_module(const Control& control, std::uint64_t address) {
  const auto list = __atomic_load_n(&control.modules, __ATOMIC_ACQUIRE);
  if (list == 0) {
    return nullptr;
  }
  const auto* modules = at<ModuleRows>(list + sizeof(ModuleList));
  std::uint64_t low = 0;
  auto high = at<ModuleList>(list)->count;
  while (low < high) {  // the first that begins behind it
    const auto middle = (low + high) / 2;
    if (modules[middle].begin <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low > 0 && address < modules[low - 1].end ? modules + low - 1 : nullptr;
}

inline constexpr std::uint32_t kKnownRow = 1;
inline constexpr std::uint32_t kNoRow = 2;

/// The row in force at `address`; false where there is none.
inline bool search_row(const Control& control, std::uint64_t address, std::uint32_t& packed) {
  const auto* module = find_module(control, address);
  if (module == nullptr || module->rows == 0 || address < module->first || module->row_count == 0) {
    return false;
  }
  const auto offset = address - module->first;
  if (offset / kIndexStep >= module->index_count) {
    return false;
  }
  const auto* rows = at<Row>(module->rows);
  const auto* index = at<std::uint32_t>(module->index);
  const auto step = offset / kIndexStep;
  std::uint32_t low = index[step];
  std::uint32_t high = step + 1 < module->index_count ? index[step + 1] + 1 : module->row_count;
  while (high - low > 1) {
    const auto middle = (low + high) / 2;
    if (rows[middle].begin <= offset) {
      low = middle;
    } else {
      high = middle;
    }
  }
  packed = rows[low].packed;
  return row_rule(packed) != RowRule::uncovered;
}

inline bool find_row(const Control& control, ThreadState& state, std::uint64_t address, std::uint32_t& packed) {
  auto& cached = state.row_cache[(address ^ address >> 10) & (kRowCache - 1)];
  if (cached.pc != address || cached.known == 0) {
    std::uint32_t found = 0;
    cached.known = search_row(control, address, found) ? kKnownRow : kNoRow;
    cached.packed = found;
    cached.pc = address;
  }
  packed = cached.packed;
  return cached.known == kKnownRow;
}

}  // namespace memsnap::recorder
