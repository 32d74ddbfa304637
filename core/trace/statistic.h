#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/trace/blame.h"
#include "core/trace/group.h"
#include "core/trace/key.h"
#include "core/trace/snapshot.h"

namespace memsnap {

/// Live memory of one group. Units: bytes, blocks.
struct Statistic {
  Group group;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  TracebackId largest{};  ///< the traceback of this group that holds most
  auto operator<=>(const Statistic&) const = default;
};

/// The same with differences to an older snapshot.
struct StatisticDiff {
  Group group;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  std::int64_t size_diff = 0;
  std::int64_t count_diff = 0;
  TracebackId largest{};  ///< the traceback of this group that changed most
  auto operator<=>(const StatisticDiff&) const = default;
};

/// Rows in their order, and what they add up to.
template <typename Row>
struct Ranking {
  std::vector<Row> rows;
  Row total;  ///< over the blocks that pass the filters, each once, whatever the grouping; only its numbers are set
};

/// A part of what is live from one origin: the blocks of one type.
struct TypeShare {
  std::string type;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  auto operator<=>(const TypeShare&) const = default;
};

/// What a grouping needs besides the snapshot.
struct Grouping {
  Key key = Key::lineno;
  bool cumulative = false;  ///< charge every frame of a traceback, each group once per traceback; lineno, filename,
                            ///< function, module only
  std::span<const Filter> filters;
  std::span<const std::string> domains;  ///< by DomainId
  std::span<const std::string> threads;  ///< by ThreadId
  /// For Key::type: what a snapshot has live from one origin, by type; the shares add up to it. Everything is of an
  /// unknown type where this is empty.
  std::function<std::vector<TypeShare>(const LiveCount&)> types;
  /// Called now and then with the share done, 0 to 1; false stops the work. May be empty.
  std::function<bool(double)> progress;
};

/// Ranks what is live in a snapshot. Order: size, count, then group, largest first.
/// Errors: Code::interrupted; Code::usage for `cumulative` with a key that it has no meaning for.
Result<Ranking<Statistic>> statistics(const Snapshot& snapshot, const Grouping& grouping, Blame& blame);

/// Ranks what changed, rows without change included (printing drops them).
/// Order: |size difference|, size, |count difference|, count, then group, largest first.
Result<Ranking<StatisticDiff>> differences(const Snapshot& older, const Snapshot& newer, const Grouping& grouping,
                                           Blame& blame);

}  // namespace memsnap
