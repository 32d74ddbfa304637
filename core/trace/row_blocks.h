#pragma once

#include <unordered_map>

#include "core/trace/filter_set.h"
#include "core/trace/statistic.h"

namespace memsnap {

/// Tells which blocks a row of a ranking stands for. Of a row by type, which no origin tells: those that may.
///
/// Borrows everything for its life, in which the rules of `blame` do not change.
class RowBlocks {
 public:
  /// `row` comes from a ranking by the same grouping.
  RowBlocks(const Grouping& grouping, const Group& row, Blame& blame);

  bool has(const Origin& origin);

 private:
  bool has_traceback(TracebackId id);
  bool is_row(std::size_t group) const { return groups_.get(group) == row_; }

  const Grouping& grouping_;
  const Group& row_;
  Blame& blame_;
  FilterSet filters_;
  GroupTable groups_;
  std::unordered_map<TracebackId, bool> known_;
};

}  // namespace memsnap
