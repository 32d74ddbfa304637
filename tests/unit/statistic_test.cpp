#include "core/trace/statistic.h"

#include <limits>

#include "core/trace/row_blocks.h"
#include "tests/catch.h"
#include "tests/unit/fake_frames.h"

namespace memsnap {
namespace {

struct StatisticFixture {
  FakeStacks stacks;
  HideRules rules;
  Blame blame{stacks.table, stacks.source, rules};
  std::vector<std::string> domains = {"malloc", "new"};
  std::vector<std::string> threads = {"main", "worker", "worker"};
  std::vector<Filter> filters;

  Pc make = stacks.place(source_frame("/src/a.cpp", 8, "make()"));
  Pc make_too = stacks.place(source_frame("/src/a.cpp", 9, "make()"));
  Pc recurse = stacks.place(source_frame("/src/b.cpp", 100, "recurse(int)"));
  Pc main = stacks.place(source_frame("/src/b.cpp", 20, "main"));
  Pc header = stacks.place(source_frame("/usr/include/c++/12/vector", 5, "std::vector<int>::reserve(unsigned long)"));
  Pc start = stacks.place(module_frame("/lib/libc.so.6", "__libc_start_main"));

  Grouping by(Key key, bool cumulative = false) const {
    Grouping grouping;
    grouping.key = key;
    grouping.cumulative = cumulative;
    grouping.filters = filters;
    grouping.domains = domains;
    grouping.threads = threads;
    return grouping;
  }
  std::vector<Statistic> stats(const Snapshot& snapshot, Key key, bool cumulative = false) {
    auto ranking = statistics(snapshot, by(key, cumulative), blame);
    REQUIRE(ranking);
    CHECK((cumulative || sum(ranking->rows) == std::pair(ranking->total.size, ranking->total.count)));
    return ranking->rows;
  }
  std::vector<StatisticDiff> diff(const Snapshot& older, const Snapshot& newer, Key key) {
    auto ranking = differences(older, newer, by(key), blame);
    REQUIRE(ranking);
    return ranking->rows;
  }
  static std::pair<std::uint64_t, std::uint64_t> sum(const std::vector<Statistic>& rows) {
    std::pair<std::uint64_t, std::uint64_t> result;
    for (const auto& row : rows) {
      result.first += row.size;
      result.second += row.count;
    }
    return result;
  }
};

Snapshot snapshot_of(std::vector<LiveCount> counts) {
  Snapshot snapshot;
  snapshot.counts = std::move(counts);
  for (const auto& live : snapshot.counts) {
    snapshot.size += live.size;
    snapshot.count += live.count;
  }
  return snapshot;
}

LiveCount live(TracebackId id, std::uint64_t size, std::uint64_t count, DomainId domain = {}, ThreadId thread = {}) {
  return {.origin = {id, domain, thread}, .size = size, .count = count};
}

template <typename Row>
std::vector<std::string> names(const std::vector<Row>& rows) {
  std::vector<std::string> result;
  for (const auto& row : rows) {
    const auto& group = row.group;
    result.push_back(group.file + (group.line == 0 ? "" : ":" + std::to_string(group.line)) + group.label);
  }
  return result;
}

using Names = std::vector<std::string>;

TEST_CASE("Nothing live is no rows", "[unit]") {
  StatisticFixture f;
  const auto ranking = statistics({}, f.by(Key::lineno), f.blame);
  REQUIRE(ranking);
  CHECK(ranking->rows.empty());
  CHECK(ranking->total == Statistic{});
}

TEST_CASE("Blocks are grouped by what the key says", "[unit]") {
  StatisticFixture f;
  const auto snapshot = snapshot_of({live(f.stacks.traceback({f.make, f.main}), 100, 1),
                                     live(f.stacks.traceback({f.header, f.make_too, f.main}), 50, 2),
                                     live(f.stacks.traceback({f.main, f.start}), 20, 3)});
  CHECK(names(f.stats(snapshot, Key::lineno)) == Names{"/src/a.cpp:8", "/src/a.cpp:9", "/src/b.cpp:20"});
  CHECK(names(f.stats(snapshot, Key::filename)) == Names{"/src/a.cpp", "/src/b.cpp"});
  CHECK(names(f.stats(snapshot, Key::function)) == Names{"make()", "main"});
  CHECK(names(f.stats(snapshot, Key::module)) == Names{"program"});
  CHECK(names(f.stats(snapshot, Key::traceback)) == Names{"/src/a.cpp:8", "/src/a.cpp:9", "/src/b.cpp:20"});
  const auto rows = f.stats(snapshot, Key::filename);
  CHECK(rows[0].size == 150);
  CHECK(rows[0].count == 3);
  CHECK(f.blame.call_site(rows[0].largest) == 0U);
}

TEST_CASE("Blocks are grouped by domain and by thread's name", "[unit]") {
  StatisticFixture f;
  const auto a = f.stacks.traceback({f.make});
  const auto b = f.stacks.traceback({f.main});
  const auto snapshot = snapshot_of({live(a, 10, 1, DomainId{0}, ThreadId{1}), live(b, 12, 1, DomainId{0}, ThreadId{1}),
                                     live(a, 5, 1, DomainId{1}, ThreadId{2}), live(a, 1, 1, DomainId{9}, ThreadId{0})});
  CHECK(names(f.stats(snapshot, Key::domain)) == Names{"malloc", "new", "<unknown>"});
  const auto threads = f.stats(snapshot, Key::thread);
  CHECK(names(threads) == Names{"worker", "main"});
  CHECK(threads[0].size == 27);
  CHECK(threads[0].largest == a);  // 15 bytes in two threads of one name
}

TEST_CASE("Where all frames are hidden, a row is module and function", "[unit]") {
  StatisticFixture f;
  const auto strdup = f.stacks.place(module_frame("/lib/libc.so.6", "strdup"));
  const auto nameless = f.stacks.place(module_frame("/lib/libc.so.6", "", 0x271ca));
  const auto nowhere = f.stacks.place(module_frame("", "", 0x7f01));
  const auto snapshot =
      snapshot_of({live(f.stacks.traceback({strdup, f.start}), 4, 1), live(f.stacks.traceback({nameless}), 3, 1),
                   live(f.stacks.traceback({nowhere}), 2, 1), live(f.stacks.traceback({}), 1, 1)});
  const Names expected = {"libc.so.6!strdup", "libc.so.6!0x271ca", "0x7f01", "<unknown>"};
  for (const auto key : {Key::lineno, Key::filename, Key::function, Key::traceback}) {
    CAPTURE(to_string(key));
    CHECK(names(f.stats(snapshot, key)) == expected);
  }
  CHECK(names(f.stats(snapshot, Key::module)) == Names{"libc.so.6", "?", "<unknown>"});
}

TEST_CASE("Modules of one base name are groups of their own", "[unit]") {
  StatisticFixture f;
  auto one = source_frame("/src/x.c", 1);
  one.module = "/one/plugin.so";
  auto two = source_frame("/src/x.c", 1);
  two.module = "/two/plugin.so";
  const auto snapshot = snapshot_of(
      {live(f.stacks.traceback({f.stacks.place(one)}), 1, 1), live(f.stacks.traceback({f.stacks.place(two)}), 1, 1)});
  CHECK(f.stats(snapshot, Key::module).size() == 2);
  CHECK(f.stats(snapshot, Key::lineno).size() == 1);
}

TEST_CASE("Statistics are ordered by size, count and name, largest first", "[unit]") {
  StatisticFixture f;
  const auto at = [&](const char* file, std::uint32_t line) {
    return f.stacks.traceback({f.stacks.place(source_frame(file, line))});
  };
  const auto snapshot =
      snapshot_of({live(at("/b.c", 9), 5, 1), live(at("/b.c", 10), 5, 1), live(at("/a.c", 11), 5, 1),
                   live(at("/a.c", 1), 5, 2), live(at("/a.c", 2), 6, 1), live(f.stacks.traceback({f.start}), 5, 1)});
  CHECK(names(f.stats(snapshot, Key::lineno)) ==
        Names{"/a.c:2", "/a.c:1", "/b.c:10", "/b.c:9", "/a.c:11", "libc.so.6!__libc_start_main"});
}

TEST_CASE("Differences are ordered by their size, whatever its sign", "[unit]") {
  StatisticFixture f;
  const auto at = [&](std::uint32_t line) { return f.stacks.traceback({f.stacks.place(source_frame("/a.c", line))}); };
  const auto same = at(1);
  const auto grown = at(2);
  const auto gone = at(3);
  const auto fresh = at(4);
  const auto moved = at(5);  // the size stays, the count does not
  const auto older = snapshot_of({live(same, 1000, 1), live(grown, 100, 1), live(gone, 70, 7), live(moved, 1000, 4)});
  const auto newer = snapshot_of({live(same, 1000, 1), live(grown, 170, 2), live(fresh, 300, 3), live(moved, 1000, 9)});
  const auto rows = f.diff(older, newer, Key::lineno);
  CHECK(names(rows) == Names{"/a.c:4", "/a.c:2", "/a.c:3", "/a.c:5", "/a.c:1"});
  CHECK(rows[1].size == 170);
  CHECK(rows[1].size_diff == 70);
  CHECK(rows[1].count_diff == 1);
  CHECK(rows[2].size == 0);
  CHECK(rows[2].size_diff == -70);
  CHECK(rows[2].count_diff == -7);
  CHECK(rows[3].size_diff == 0);
  CHECK(rows[3].count_diff == 5);

  const auto total = differences(older, newer, f.by(Key::lineno), f.blame)->total;
  CHECK(total.size == newer.size);
  CHECK(total.count == newer.count);
  CHECK(total.size_diff == 300);
  CHECK(total.count_diff == 2);
}

TEST_CASE("Tracebacks that tie are ordered by their frames, not by arrival", "[unit]") {
  for (const bool reversed : {false, true}) {
    StatisticFixture f;
    const auto first = f.stacks.traceback({f.main, reversed ? f.recurse : f.make});
    const auto second = f.stacks.traceback({f.main, reversed ? f.make : f.recurse});
    const auto snapshot = snapshot_of({live(first, 1, 1), live(second, 1, 1)});
    const auto rows = f.stats(snapshot, Key::traceback);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].group.traceback == (reversed ? first : second));
    CHECK(f.stats(snapshot, Key::lineno).at(0).largest == (reversed ? first : second));
  }
}

TEST_CASE("The largest traceback of a group is the one with most bytes, or with the largest change", "[unit]") {
  StatisticFixture f;
  const auto big = f.stacks.traceback({f.make, f.main});
  const auto changed = f.stacks.traceback({f.make, f.recurse});
  const auto older = snapshot_of({live(big, 1000, 1), live(changed, 50, 1)});
  const auto newer = snapshot_of({live(big, 1010, 1), live(changed, 10, 1)});
  CHECK(f.stats(newer, Key::lineno).at(0).largest == big);
  CHECK(f.diff(older, newer, Key::lineno).at(0).largest == changed);
}

TEST_CASE("Cumulative charges every frame once for a traceback", "[unit]") {
  StatisticFixture f;
  const auto snapshot =
      snapshot_of({live(f.stacks.traceback({f.header, f.recurse, f.recurse, f.recurse, f.main, f.start}), 10, 1),
                   live(f.stacks.traceback({f.make, f.main, f.start}), 7, 1), live(f.stacks.traceback({}), 1, 1)});
  const auto rows = f.stats(snapshot, Key::lineno, true);
  CHECK(names(rows) == Names{"/src/b.cpp:20", "libc.so.6!__libc_start_main", "/usr/include/c++/12/vector:5",
                             "/src/b.cpp:100", "/src/a.cpp:8", "<unknown>"});
  CHECK(rows[0].size == 17);
  CHECK(rows[3].size == 10);
  CHECK(names(f.stats(snapshot, Key::filename, true)) ==
        Names{"/src/b.cpp", "libc.so.6!__libc_start_main", "/usr/include/c++/12/vector", "/src/a.cpp", "<unknown>"});
  CHECK(names(f.stats(snapshot, Key::module, true)) == Names{"program", "libc.so.6", "<unknown>"});
  const auto total = statistics(snapshot, f.by(Key::lineno, true), f.blame)->total;
  CHECK(total.size == 18);
  CHECK(total.count == 3);
}

TEST_CASE("Filters choose blocks by their call site, or by any frame", "[unit]") {
  StatisticFixture f;
  const auto snapshot =
      snapshot_of({live(f.stacks.traceback({f.make, f.main}), 100, 1),
                   live(f.stacks.traceback({f.header, f.make_too, f.recurse}), 50, 1),
                   live(f.stacks.traceback({f.main, f.start}), 20, 1), live(f.stacks.traceback({}), 1, 1)});
  const auto left = [&](std::vector<Filter> filters) {
    f.filters = std::move(filters);
    return names(f.stats(snapshot, Key::lineno));
  };
  CHECK(left({{.pattern = "a.cpp"}}) == Names{"/src/a.cpp:8", "/src/a.cpp:9"});
  CHECK(left({{.pattern = "a.cpp", .line = 9}}) == Names{"/src/a.cpp:9"});
  CHECK(left({{.pattern = "a.cpp", .line = 9}, {.pattern = "b.cpp"}}) == Names{"/src/a.cpp:9", "/src/b.cpp:20"});
  CHECK(left({{.inclusive = false, .pattern = "a.cpp"}}) == Names{"/src/b.cpp:20", "<unknown>"});
  CHECK(left({{.pattern = "a.cpp"}, {.inclusive = false, .pattern = "*", .line = 8}}) == Names{"/src/a.cpp:9"});
  CHECK(left({{.pattern = "b.cpp", .all_frames = true}}) == Names{"/src/a.cpp:8", "/src/a.cpp:9", "/src/b.cpp:20"});
  CHECK(left({{.inclusive = false, .pattern = "b.cpp", .all_frames = true}}) == Names{"<unknown>"});
  CHECK(left({{.pattern = "libc.so.6!*", .all_frames = true}}) == Names{"/src/b.cpp:20"});
  CHECK(left({{.pattern = "<unknown>"}}) == Names{"<unknown>"});
  CHECK(left({{.pattern = "<unknown>", .all_frames = true}}) == Names{"<unknown>"});
  CHECK(left({{.pattern = "none"}}).empty());
}

TEST_CASE("What a key cannot do is refused with a reason", "[unit]") {
  StatisticFixture f;
  for (const auto key : {Key::traceback, Key::domain, Key::thread, Key::type}) {
    const auto refused = statistics({}, f.by(key, true), f.blame);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::usage);
    CHECK(refused.error().message == "--cumulative goes with lineno, filename, function and module");
  }
}

TEST_CASE("Blocks of one traceback can be of several types", "[unit]") {
  StatisticFixture f;
  const auto mixed = f.stacks.traceback({f.make});
  const auto plain = f.stacks.traceback({f.main});
  auto grouping = f.by(Key::type);
  grouping.types = [mixed](const LiveCount& live) {
    return live.origin.traceback == mixed
               ? std::vector<TypeShare>{{"Circle", live.size - 30, live.count - 1}, {"Square", 30, 1}}
               : std::vector<TypeShare>{{"Square", live.size, live.count}};
  };
  const auto newer = snapshot_of({live(mixed, 130, 3), live(plain, 20, 1)});
  const auto ranking = statistics(newer, grouping, f.blame);
  REQUIRE(ranking);
  REQUIRE(ranking->rows.size() == 2);
  CHECK(ranking->rows[0].group.label == "Circle");
  CHECK(ranking->rows[0].size == 100);
  CHECK(ranking->rows[0].count == 2);
  CHECK(ranking->rows[1].group.label == "Square");
  CHECK(ranking->rows[1].size == 50);
  CHECK(ranking->rows[1].count == 2);
  CHECK(ranking->rows[1].largest == mixed);
  CHECK(ranking->total.size == 150);
  CHECK(ranking->total.count == 4);

  const auto changed = differences(snapshot_of({live(mixed, 80, 2)}), newer, grouping, f.blame);
  REQUIRE(changed);
  REQUIRE(changed->rows.size() == 2);
  CHECK(changed->rows[0].group.label == "Circle");
  CHECK(changed->rows[0].size_diff == 50);
  CHECK(changed->rows[1].size_diff == 20);

  f.filters = {{.pattern = "*/b.cpp"}};
  grouping.filters = f.filters;
  CHECK(statistics(newer, grouping, f.blame)->rows.size() == 1);
}

TEST_CASE("Where nobody knows types, they are unknown", "[unit]") {
  StatisticFixture f;
  const auto rows = f.stats(snapshot_of({live(f.stacks.traceback({f.make}), 130, 3)}), Key::type);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].group.label == "<unknown>");
  CHECK(rows[0].size == 130);
}

TEST_CASE("Ranking can be interrupted", "[unit]") {
  StatisticFixture f;
  auto grouping = f.by(Key::lineno);
  grouping.progress = [](double share) { return share < 0; };
  const auto ranking = statistics(snapshot_of({live(f.stacks.traceback({f.make}), 1, 1)}), grouping, f.blame);
  REQUIRE_FALSE(ranking);
  CHECK(ranking.error().code == Code::interrupted);
  // Where types are asked for, a search that ended early has told too little.
  grouping.key = Key::type;
  grouping.progress = [](double share) { return share < 1; };
  const auto types = statistics(snapshot_of({live(f.stacks.traceback({f.make}), 1, 1)}), grouping, f.blame);
  REQUIRE_FALSE(types);
  CHECK(types.error().code == Code::interrupted);
}

TEST_CASE("Sizes near the limits do not overflow", "[unit]") {
  StatisticFixture f;
  constexpr auto kHuge = std::uint64_t{1} << 63;
  const auto id = f.stacks.traceback({f.make});
  const auto older = snapshot_of({live(id, kHuge, 1)});
  const auto rows = f.diff(older, {}, Key::lineno);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].size_diff == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("Keys are the words of the command language", "[unit]") {
  CHECK(key_words() == "lineno, filename, function, traceback, module, domain, thread, type");
  CHECK(parse_key("thread") == Key::thread);
  CHECK_FALSE(parse_key("lineo"));
  CHECK_FALSE(parse_key(""));
  CHECK(to_string(Key::filename) == "filename");
}

TEST_CASE("a row's blocks are those that make its numbers, whatever the key", "[unit]") {
  StatisticFixture fixture;
  auto& stacks = fixture.stacks;
  const auto snapshot = snapshot_of({
      live(stacks.traceback({fixture.make, fixture.recurse, fixture.recurse, fixture.main}), 100, 2),
      live(stacks.traceback({fixture.make_too, fixture.main}), 70, 1, DomainId{1}, ThreadId{1}),
      live(stacks.traceback({fixture.header, fixture.make_too, fixture.main}), 30, 3, DomainId{1}, ThreadId{2}),
      live(stacks.traceback({fixture.start}), 7, 1, {}, ThreadId{2}),
      live(stacks.traceback({}), 5, 1),
  });
  const bool is_filtered = GENERATE(false, true);
  if (is_filtered) {
    fixture.filters = {Filter{.inclusive = false, .pattern = "*b.cpp"},
                       Filter{.inclusive = false, .pattern = "*a.cpp", .line = 8}};
  }
  const bool cumulative = GENERATE(false, true);
  for (const auto key :
       {Key::lineno, Key::filename, Key::function, Key::traceback, Key::module, Key::domain, Key::thread}) {
    if (cumulative && !can_cumulate(key)) {
      continue;
    }
    const auto grouping = fixture.by(key, cumulative);
    for (const auto& statistic : fixture.stats(snapshot, key, cumulative)) {
      RowBlocks row(grouping, statistic.group, fixture.blame);
      std::uint64_t size = 0;
      std::uint64_t count = 0;
      for (const auto& each : snapshot.counts) {
        if (row.has(each.origin)) {
          size += each.size;
          count += each.count;
        }
      }
      CAPTURE(to_string(key), statistic.group.file, statistic.group.label);
      CHECK(size == statistic.size);
      CHECK(count == statistic.count);
    }
  }
}

}  // namespace
}  // namespace memsnap
