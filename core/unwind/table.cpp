#include "core/unwind/table.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace memsnap {

UnwindTable::UnwindTable(std::vector<UnwindRow> rows, std::uint64_t end) : rows_(std::move(rows)), end_(end) {}

const UnwindRow* UnwindTable::find(std::uint64_t offset) const {
  if (offset >= end_) {
    return nullptr;
  }
  const auto after = std::ranges::upper_bound(rows_, offset, {}, &UnwindRow::begin);
  if (after == rows_.begin() || std::prev(after)->rule == CfaRule::uncovered) {
    return nullptr;
  }
  return &*std::prev(after);
}

}  // namespace memsnap
