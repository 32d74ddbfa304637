#include "core/formats/table.h"

#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/unit/fake_frames.h"

namespace memsnap {
namespace {

struct TableFixture {
  FakeStacks stacks;
  HideRules rules;
  Blame blame{stacks.table, stacks.source, rules};

  Pc waste = stacks.place(source_frame("/src/waste_memory.cpp", 8, "MyObject::MyObject()"));
  Pc main = stacks.place(source_frame("/src/main.cpp", 20, "main"));
  Pc start = stacks.place(module_frame("/lib/libc.so.6", "__libc_start_main", 0x271ca));

  Snapshot before = named("before", {live(stacks.traceback({main, start}), 645120, 10101)});
  Snapshot after = named("after", {live(stacks.traceback({waste, main, start}), 2449408, 29990),
                                   live(stacks.traceback({main, start}), 645120, 10101)});

  static LiveCount live(TracebackId id, std::uint64_t size, std::uint64_t count) {
    return {.origin = {id, {}, {}}, .size = size, .count = count};
  }
  static Snapshot named(std::string name, std::vector<LiveCount> counts) {
    Snapshot snapshot;
    snapshot.name = std::move(name);
    snapshot.counts = std::move(counts);
    return snapshot;
  }
  Table stats(const Snapshot& snapshot, const Grouping& grouping) {
    auto ranking = statistics(snapshot, grouping, blame);
    REQUIRE(ranking);
    return make_table(snapshot, grouping, std::move(*ranking));
  }
  Table diff(const Snapshot& older, const Snapshot& newer, const Grouping& grouping) {
    auto ranking = differences(older, newer, grouping, blame);
    REQUIRE(ranking);
    return make_table(older, newer, grouping, std::move(*ranking));
  }
  std::string text(const Table& table, const TableStyle& style = {}) { return table_text(table, style, blame, {}); }
  nlohmann::ordered_json json(const Table& table, const TableStyle& style = {}) {
    return nlohmann::ordered_json::parse(table_json(table, style, blame));
  }
};

Grouping by(Key key, bool cumulative = false) {
  Grouping grouping;
  grouping.key = key;
  grouping.cumulative = cumulative;
  return grouping;
}

std::vector<std::string> names_of(std::vector<Group> groups) {
  Table table;
  for (auto& group : groups) {
    StatisticDiff row;
    row.group = std::move(group);
    table.rows.push_back(std::move(row));
  }
  return row_names(table);
}

Group file_group(std::string file, std::uint32_t line = 0) {
  Group group;
  group.file = std::move(file);
  group.line = line;
  return group;
}
Group module_group(std::string label, std::string module) {
  Group group;
  group.label = std::move(label);
  group.module = std::move(module);
  return group;
}

using Names = std::vector<std::string>;

TEST_CASE("A ranking is written as tracemalloc's statistics", "[unit]") {
  TableFixture f;
  CHECK(f.text(f.stats(f.after, {})) ==
        "after, by lineno\n"
        "#1 waste_memory.cpp:8: size=2392 KiB, count=29990, average=82 B\n"
        "#2 main.cpp:20: size=630 KiB, count=10101, average=64 B\n"
        "Total: size=3022 KiB, count=40091\n");
}

TEST_CASE("A difference leaves out what did not change, but not from its total", "[unit]") {
  TableFixture f;
  CHECK(f.text(f.diff(f.before, f.after, {})) ==
        "before -> after, by lineno\n"
        "#1 waste_memory.cpp:8: size=2392 KiB (+2392 KiB), count=29990 (+29990), average=82 B\n"
        "Total: size=3022 KiB (+2392 KiB), count=40091 (+29990)\n");
}

TEST_CASE("What is gone has no average", "[unit]") {
  TableFixture f;
  CHECK(f.text(f.diff(f.after, f.before, {})) ==
        "after -> before, by lineno\n"
        "#1 waste_memory.cpp:8: size=0 B (-2392 KiB), count=0 (-29990)\n"
        "Total: size=630 KiB (-2392 KiB), count=10101 (-29990)\n");
}

TEST_CASE("A table of nothing has its header and its total", "[unit]") {
  TableFixture f;
  CHECK(f.text(f.stats(TableFixture::named("now", {}), by(Key::module))) ==
        "now, by module\n"
        "Total: size=0 B, count=0\n");
  CHECK(f.text(f.diff(f.after, f.after, {})) ==
        "after -> after, by lineno\n"
        "Total: size=3022 KiB (+0 B), count=40091 (+0)\n");
}

TEST_CASE("The header says what is cumulative and what is not known", "[unit]") {
  TableFixture f;
  f.after.since_start_only = true;
  const auto text = f.text(f.stats(f.after, by(Key::filename, true)));
  CHECK(text ==
        "after, by filename, cumulative, since memsnap start (older blocks are not known)\n"
        "#1 main.cpp: size=3022 KiB, count=40091, average=77 B\n"
        "#2 libc.so.6!__libc_start_main: size=3022 KiB, count=40091, average=77 B\n"
        "#3 waste_memory.cpp: size=2392 KiB, count=29990, average=82 B\n"
        "Total: size=3022 KiB, count=40091\n");
}

TEST_CASE("A limit cuts the rows and says how many", "[unit]") {
  TableFixture f;
  std::vector<LiveCount> counts;
  for (std::uint32_t line = 1; line <= 12; ++line) {
    counts.push_back(TableFixture::live(f.stacks.traceback({f.stacks.place(source_frame("/a.c", line))}), line, 1));
  }
  const auto table = f.stats(TableFixture::named("s", counts), {});
  CHECK(f.text(table).find("#10 a.c:3: size=3 B, count=1, average=3 B\n... and 2 more rows\nTotal: ") !=
        std::string::npos);
  CHECK(f.text(table, {.limit = 11}).find("... and 1 more row\n") != std::string::npos);
  CHECK(f.text(table, {.limit = 12}).find("more row") == std::string::npos);
  CHECK(f.text(table, {.limit = 0}).find("#12 a.c:1: ") != std::string::npos);
  CHECK(f.json(table, {.limit = 3}).at("rows").size() == 3);
  CHECK(f.json(table, {.limit = 3}).at("rows_total") == 12);
}

TEST_CASE("By traceback, each row has its frames below", "[unit]") {
  TableFixture f;
  CHECK(f.text(f.diff(f.before, f.after, by(Key::traceback))) ==
        "before -> after, by traceback\n"
        "#1 waste_memory.cpp:8: size=2392 KiB (+2392 KiB), count=29990 (+29990), average=82 B\n"
        "  File \"/src/waste_memory.cpp\", line 8, in MyObject::MyObject()\n"
        "  File \"/src/main.cpp\", line 20, in main\n"
        "  ... 1 library frame\n"
        "Total: size=3022 KiB (+2392 KiB), count=40091 (+29990)\n");
  CHECK(f.text(f.stats(f.before, by(Key::traceback)), {.all_frames = true}) ==
        "before, by traceback\n"
        "#1 main.cpp:20: size=630 KiB, count=10101, average=64 B\n"
        "  File \"/src/main.cpp\", line 20, in main\n"
        "  Module \"libc.so.6\", in __libc_start_main+0x8a\n"
        "Total: size=630 KiB, count=10101\n");
}

TEST_CASE("A file is shown by the shortest suffix that is its own", "[unit]") {
  CHECK(names_of({}).empty());
  CHECK(names_of({file_group("/src/a.c", 1), file_group("/src/a.c", 2), file_group("/src/b.c")}) ==
        Names{"a.c:1", "a.c:2", "b.c"});
  CHECK(names_of({file_group("/x/one/a.c"), file_group("/x/two/a.c"), file_group("/x/two/b.c")}) ==
        Names{"one/a.c", "two/a.c", "b.c"});
  CHECK(names_of({file_group("/x/lib/a.c"), file_group("/y/lib/a.c"), file_group("/y/a.c")}) ==
        Names{"x/lib/a.c", "y/lib/a.c", "y/a.c"});
  CHECK(names_of({file_group("a.c"), file_group("/a.c"), file_group("/x/a.c")}) == Names{"a.c", "/a.c", "x/a.c"});
}

TEST_CASE("A module is shown by the shortest suffix that is its own", "[unit]") {
  CHECK(names_of({module_group("plugin.so", "/one/plugin.so"), module_group("plugin.so", "/two/plugin.so"),
                  module_group("libc.so.6", "/lib/libc.so.6"), module_group("?", "")}) ==
        Names{"one/plugin.so", "two/plugin.so", "libc.so.6", "?"});
  CHECK(names_of({module_group("p.so!f()", "/one/p.so"), module_group("p.so!0x10", "/two/p.so"),
                  module_group("p.so!g()", "/one/p.so"), file_group("/src/p.so", 3)}) ==
        Names{"one/p.so!f()", "two/p.so!0x10", "one/p.so!g()", "p.so:3"});
}

TEST_CASE("JSON has the fields in their order, null where they do not apply", "[unit]") {
  TableFixture f;
  CHECK(table_json(f.stats(f.before, {}), {}, f.blame) ==
        R"({"snapshot":"before","key":"lineno","cumulative":false,"rows":[{"rank":1,"name":"main.cpp:20",)"
        R"("file":"/src/main.cpp","line":20,"function":null,"module":null,"size":645120,"count":10101,)"
        R"("traceback":null}],"total":{"size":645120,"count":10101},"rows_total":1})"
        "\n");
  CHECK(table_json(f.diff(f.after, f.before, by(Key::function)), {}, f.blame) ==
        R"({"old":"after","new":"before","key":"function","cumulative":false,"rows":[{"rank":1,)"
        R"j("name":"MyObject::MyObject()","file":null,"line":null,"function":"MyObject::MyObject()","module":null,)j"
        R"("size":0,"count":0,"size_diff":-2449408,"count_diff":-29990,"traceback":null}],)"
        R"("total":{"size":645120,"count":10101,"size_diff":-2449408,"count_diff":-29990},"rows_total":1})"
        "\n");
}

TEST_CASE("JSON of a traceback has all its frames, hidden or not", "[unit]") {
  TableFixture f;
  const auto row = f.json(f.stats(f.before, by(Key::traceback))).at("rows").at(0);
  CHECK(row.at("module") == "/app/program");
  CHECK(row.at("traceback").dump() ==
        R"([{"file":"/src/main.cpp","line":20,"function":"main","module":"/app/program","offset":0,"inlined":false,)"
        R"("hidden":false},{"file":null,"line":null,"function":"__libc_start_main","module":"/lib/libc.so.6",)"
        R"("offset":160202,"inlined":false,"hidden":true}])");
}

TEST_CASE("JSON of a table without rows has an empty list", "[unit]") {
  TableFixture f;
  CHECK(table_json(f.stats(TableFixture::named("now", {}), {}), {}, f.blame) ==
        R"({"snapshot":"now","key":"lineno","cumulative":false,"rows":[],"total":{"size":0,"count":0},)"
        R"("rows_total":0})"
        "\n");
}

TEST_CASE("Bytes that are no UTF-8 are replaced in JSON", "[unit]") {
  TableFixture f;
  const auto id = f.stacks.traceback({f.stacks.place(source_frame("/src/\xff.c", 1))});
  const auto json = f.json(f.stats(TableFixture::named("s\xc3", {TableFixture::live(id, 1, 1)}), {}));
  CHECK(json.at("rows").at(0).at("file") == "/src/\xef\xbf\xbd.c");
  CHECK(json.at("snapshot") == "s\xef\xbf\xbd");
}

}  // namespace
}  // namespace memsnap
