#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/recorder/layout.h"
#include "core/unwind/table.h"

namespace memsnap {

/// A module's unwind rows as the recorder's code searches them.
///
/// Shape: empty where the table is. Else row 0 begins at offset 0, and the last one is `uncovered` and begins where the
///        table ends; neighbours differ. The row in force at an offset lies between index[offset / kIndexStep] and the
///        entry after that one (or the last row), both inclusive; every offset below the last row's has an entry.
struct RowImage {
  std::uint64_t first = 0;  ///< what Row::begin counts from, as the file counts: a multiple of kIndexStep
  std::vector<layout::Row> rows;
  std::vector<std::uint32_t> index;  ///< the number of the row in force at first + i * kIndexStep
};

/// Packs a table. Rows that the packing has no room for become `unsupported`: a CFA offset that is negative, not
/// a multiple of 8 or above 8 * kMostCfa, a saved rbp above the CFA, too far below it or not aligned. What lies 4 GiB
/// or more above `first` is cut off.
RowImage make_row_image(const UnwindTable& table);

/// The bytes of a layout::ModuleList. `modules` ascending by begin.
std::vector<std::byte> make_module_list(std::span<const layout::ModuleRows> modules);

}  // namespace memsnap
