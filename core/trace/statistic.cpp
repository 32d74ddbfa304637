#include "core/trace/statistic.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/trace/filter_set.h"

namespace memsnap {
namespace {

// Under these keys a traceback's blocks may belong to several groups, and frames do not matter.
bool splits_tracebacks(Key key) { return key == Key::domain || key == Key::thread || key == Key::type; }

// The blocks of one traceback (of one group of it, where the key splits tracebacks), old and new.
struct Charge {
  TracebackId traceback{};
  std::size_t group = 0;  // only where the key splits tracebacks
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  std::uint64_t old_size = 0;
  std::uint64_t old_count = 0;

  auto place() const { return std::tie(traceback, group); }
  std::uint64_t change() const { return size > old_size ? size - old_size : old_size - size; }
};

// Adds the numbers of a charge to another charge, or to a row.
void add(auto& sum, const Charge& charge) {
  sum.size += charge.size;
  sum.count += charge.count;
  sum.old_size += charge.old_size;
  sum.old_count += charge.old_count;
}

std::uint64_t magnitude(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? 0 - bits : bits;
}
std::int64_t difference(std::uint64_t newer, std::uint64_t older) { return static_cast<std::int64_t>(newer - older); }

// A group's sum so far. Small, as a cumulative ranking visits the rows all over the place.
struct Row {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  std::uint64_t old_size = 0;
  std::uint64_t old_count = 0;
  std::uint64_t largest_change = 0;
  std::uint32_t largest = 0;  // numbers of charges, from 1 on; 0 where there is none yet
  std::uint32_t last = 0;     // what was counted last, to count it once
};

// Whether `a` changed more than `b`. For a ranking without an older snapshot: whether it holds more.
bool changed_more(const Charge& a, const Charge& b, Blame& blame) {
  const auto rank = [](const Charge& charge) {
    return std::tuple(charge.change(), charge.size, charge.count, charge.old_count);
  };
  const auto order = rank(a) <=> rank(b);
  return order != 0 ? order > 0 : blame.compare(a.traceback, b.traceback) > 0;
}

class Ranker {
 public:
  Ranker(const Grouping& grouping, Blame& blame) : grouping_(grouping), blame_(blame), groups_(grouping.key) {}

  Result<Ranking<StatisticDiff>> rank(const Snapshot& older, const Snapshot& newer) {
    if (!add_charges(newer, false) || !add_charges(older, true)) {
      return fail(Code::interrupted, "interrupted");
    }
    merge_charges();

    FilterSet filters(grouping_.filters, blame_);
    Charge total;
    for (std::size_t i = 0; i < charges_.size(); ++i) {
      if (!goes_on(i, charges_.size())) {
        return fail(Code::interrupted, "interrupted");
      }
      if (filters.passes(charges_[i].traceback)) {
        add(total, charges_[i]);
        charge(i);
      }
    }
    return Ranking<StatisticDiff>{sorted_rows(), statistic({}, total, {})};
  }

 private:
  bool goes_on(std::size_t done, std::size_t all) const {
    constexpr std::size_t kStep = 64;
    return done % kStep != 0 || !grouping_.progress ||
           grouping_.progress(static_cast<double>(done) / static_cast<double>(all));
  }

  bool add_charges(const Snapshot& snapshot, bool is_older) {
    const auto add = [&](TracebackId traceback, std::size_t group, std::uint64_t size, std::uint64_t count) {
      charges_.push_back(is_older ? Charge{.traceback = traceback, .group = group, .old_size = size, .old_count = count}
                                  : Charge{.traceback = traceback, .group = group, .size = size, .count = count});
    };
    for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
      const auto& live = snapshot.counts[i];
      if (grouping_.key != Key::type) {
        add(live.origin.traceback, split(live.origin), live.size, live.count);
        continue;
      }
      // The types are what takes time here.
      if (!goes_on(i, snapshot.counts.size())) {
        return false;
      }
      for (const auto& share : types_of(live)) {
        add(live.origin.traceback, groups_.of_label(share.type), share.size, share.count);
      }
    }
    return grouping_.key != Key::type || !grouping_.progress || grouping_.progress(1);
  }

  std::vector<TypeShare> types_of(const LiveCount& live) const {
    return grouping_.types ? grouping_.types(live) : std::vector<TypeShare>{{"<unknown>", live.size, live.count}};
  }

  // The group of an origin, where that does not depend on its frames.
  std::size_t split(const Origin& origin) {
    if (!splits_tracebacks(grouping_.key)) {
      return 0;
    }
    const bool by_domain = grouping_.key == Key::domain;
    const auto names = by_domain ? grouping_.domains : grouping_.threads;
    const auto id = by_domain ? static_cast<std::size_t>(origin.domain) : static_cast<std::size_t>(origin.thread);
    const auto [known, is_new] = split_.try_emplace(id, 0);
    if (is_new) {
      known->second = groups_.of_label(id < names.size() ? names[id] : "<unknown>");
    }
    return known->second;
  }

  // Makes one of the charges to the same place.
  void merge_charges() {
    std::ranges::sort(charges_, {}, &Charge::place);
    std::size_t merged = 0;
    for (std::size_t i = 1; i < charges_.size(); ++i) {
      if (charges_[i].place() == charges_[merged].place()) {
        add(charges_[merged], charges_[i]);
      } else {
        charges_[++merged] = charges_[i];
      }
    }
    charges_.resize(std::min(charges_.size(), merged + 1));
  }

  void charge(std::size_t index) {
    const auto& charge = charges_[index];
    if (splits_tracebacks(grouping_.key)) {
      charge_group(charge.group, index);
    } else if (grouping_.cumulative) {
      const auto frames = blame_.judged_frames(charge.traceback);
      for (const auto& judged : frames) {
        charge_group(groups_.of_frame(judged, judged.frame->has_line()), index);
      }
      if (frames.empty()) {
        charge_group(groups_.of_label("<unknown>"), index);
      }
    } else {
      charge_group(call_site_group(charge.traceback), index);
    }
  }

  std::size_t call_site_group(TracebackId id) {
    const auto site = blame_.find_call_site(id);
    if (grouping_.key == Key::traceback) {
      return groups_.of_traceback(id, site);
    }
    return site ? groups_.of_frame(site->judged, !site->judged.hidden) : groups_.of_label("<unknown>");
  }

  // However often a group is on a stack, it is charged once for it.
  void charge_group(std::size_t group, std::size_t index) {
    if (group >= rows_.size()) {
      rows_.resize(group + 1);
    }
    auto& row = rows_[group];
    const auto& charge = charges_[index];
    const auto number = static_cast<std::uint32_t>(index + 1);
    if (row.last == number) {
      return;
    }
    const auto change = charge.change();
    if (row.largest == 0 || change > row.largest_change ||
        (change == row.largest_change && changed_more(charge, charges_[row.largest - 1], blame_))) {
      row.largest = number;
      row.largest_change = change;
    }
    row.last = number;
    add(row, charge);
  }

  static StatisticDiff statistic(Group group, const auto& sum, TracebackId largest) {
    return {
        std::move(group), sum.size, sum.count, difference(sum.size, sum.old_size), difference(sum.count, sum.old_count),
        largest};
  }

  std::vector<StatisticDiff> sorted_rows() {
    std::vector<StatisticDiff> rows;
    auto groups = groups_.take_groups();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (const auto& row = rows_[i]; row.largest != 0) {
        rows.push_back(statistic(std::move(groups[i]), row, charges_[row.largest - 1].traceback));
      }
    }
    const auto numbers = [](const StatisticDiff& row) {
      return std::tuple(magnitude(row.size_diff), row.size, magnitude(row.count_diff), row.count);
    };
    std::ranges::sort(rows, [&](const StatisticDiff& a, const StatisticDiff& b) {
      const auto order = numbers(a) <=> numbers(b);
      return order != 0 ? order > 0 : compare(a.group, b.group, blame_) > 0;
    });
    return rows;
  }

  const Grouping& grouping_;
  Blame& blame_;
  GroupTable groups_;
  std::vector<Charge> charges_;
  std::vector<Row> rows_;  // by group
  std::unordered_map<std::size_t, std::size_t> split_;
};

}  // namespace

Result<Ranking<StatisticDiff>> differences(const Snapshot& older, const Snapshot& newer, const Grouping& grouping,
                                           Blame& blame) {
  if (grouping.cumulative && !can_cumulate(grouping.key)) {
    return fail(Code::usage, "--cumulative goes with lineno, filename, function and module");
  }
  return Ranker(grouping, blame).rank(older, newer);
}

// The difference to nothing has the same numbers and the same order.
Result<Ranking<Statistic>> statistics(const Snapshot& snapshot, const Grouping& grouping, Blame& blame) {
  auto changes = differences({}, snapshot, grouping, blame);
  if (!changes) {
    return std::unexpected(std::move(changes.error()));
  }
  Ranking<Statistic> ranking;
  ranking.rows.reserve(changes->rows.size());
  for (auto& row : changes->rows) {
    ranking.rows.push_back({std::move(row.group), row.size, row.count, row.largest});
  }
  ranking.total.size = changes->total.size;
  ranking.total.count = changes->total.count;
  return ranking;
}

}  // namespace memsnap
