#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/formats/export_json.h"
#include "core/formats/folded.h"
#include "core/formats/gzip.h"
#include "core/formats/html.h"
#include "core/formats/pprof_reader.h"
#include "core/formats/pprof_writer.h"
#include "core/formats/speedscope.h"
#include "tests/catch.h"
#include "tests/unit/snapshot_files.h"

namespace memsnap {
namespace {

using nlohmann::json;
using test::make_snapshot_file;

// A snapshot that is written down stack by stack.
struct Stacks {
  // The number of a place of one frame.
  std::uint32_t place(const std::string& function, const std::string& source = "", std::uint32_t line = 0) {
    Frame frame{source, line, function, "/app/program", 0x1000 + 16 * file.places.size(), 4, false};
    file.places.push_back({0, {frame}});
    return static_cast<std::uint32_t>(file.places.size() - 1);
  }
  // `outermost` first, as it reads.
  std::uint32_t stack(std::vector<std::uint32_t> outermost, TracebackEnd end = TracebackEnd::complete) {
    std::ranges::reverse(outermost);
    file.stacks.push_back({std::move(outermost), end, {}});
    return static_cast<std::uint32_t>(file.stacks.size() - 1);
  }
  static void live(Snapshot& snapshot, std::uint32_t stack, std::uint64_t size, std::uint64_t count = 1) {
    LiveCount live;
    live.origin.traceback = TracebackId{stack};
    live.size = size;
    live.count = count;
    snapshot.counts.push_back(live);
    snapshot.size += size;
    snapshot.count += count;
  }
  void live(std::uint32_t stack, std::uint64_t size, std::uint64_t count = 1) {
    live(file.snapshot, stack, size, count);
  }
  Snapshot& older() { return file.older ? *file.older : file.older.emplace(); }
  std::string folded() const { return to_folded(make_paths(file), file.older.has_value()); }

  SnapshotFile file = [] {
    SnapshotFile empty;
    empty.modules = {{"/app/program", "00ff", ""}};
    empty.domains = {"malloc"};
    empty.threads = {"thread 1"};
    empty.snapshot.name = "after";
    return empty;
  }();
};

TEST_CASE("folded stacks begin with the outermost frame and end with the bytes", "[unit]") {
  Stacks stacks;
  const auto main = stacks.place("main", "/src/app.cpp", 43);
  const auto run = stacks.place("run(int)", "/src/app.cpp", 34);
  const auto start = stacks.place("_start");
  const auto unnamed = stacks.place("");
  stacks.live(stacks.stack({start, main, run}), 1600, 100);
  stacks.live(stacks.stack({start, main}), 24);
  stacks.live(stacks.stack({main, unnamed}, TracebackEnd::frame_limit), 8);
  stacks.live(stacks.stack({main}, TracebackEnd::no_unwind_info), 7);
  stacks.live(stacks.stack({}), 6);
  stacks.live(stacks.stack({run}), 0);
  CHECK(stacks.folded() ==
        "<unknown> 6\n"
        "[frame limit];main (app.cpp:43);program!0x1030 8\n"
        "[no unwind information];main (app.cpp:43) 7\n"
        "program!_start;main (app.cpp:43) 24\n"
        "program!_start;main (app.cpp:43);run(int) (app.cpp:34) 1600\n");
}

TEST_CASE("inlined frames of a place are stacked as calls are", "[unit]") {
  Stacks stacks;
  const auto place = stacks.place("outer()", "/src/app.cpp", 2);
  auto inlined = stacks.file.places[place].frames.front();
  inlined.function = "inner()";
  inlined.line = 1;
  inlined.inlined = true;
  stacks.file.places[place].frames.insert(stacks.file.places[place].frames.begin(), inlined);
  stacks.live(stacks.stack({place}), 1);
  CHECK(stacks.folded() == "outer() (app.cpp:2);inner() (app.cpp:1) 1\n");
}

TEST_CASE("stacks that read the same are one line", "[unit]") {
  Stacks stacks;
  const auto main = stacks.place("main", "/src/app.cpp", 43);
  const auto again = stacks.place("main", "/src/app.cpp", 43);
  const auto elsewhere = stacks.place("main", "/other/app.cpp", 43);
  for (const auto place : {main, again, elsewhere}) {
    stacks.live(stacks.stack({place}), 10);
  }
  CHECK(make_paths(stacks.file).paths.size() == 2);
  CHECK(stacks.folded() == "main (app.cpp:43) 30\n");
}

TEST_CASE("a folded difference has the older bytes and the newer ones", "[unit]") {
  Stacks stacks;
  const auto grown = stacks.stack({stacks.place("grown", "a.c", 1)});
  const auto gone = stacks.stack({stacks.place("gone", "a.c", 2)});
  Stacks::live(stacks.older(), grown, 10);
  Stacks::live(stacks.older(), gone, 30);
  stacks.live(grown, 25);
  CHECK(stacks.folded() == "gone (a.c:2) 30 0\ngrown (a.c:1) 10 25\n");
}

TEST_CASE("no name can end a folded line or a frame", "[unit]") {
  Stacks stacks;
  for (const std::string name : {"operator;\n\r\tx", "thunk 17", "17", "f 1.5", "lambda {1}", "\x7f"}) {
    stacks.live(stacks.stack({stacks.place(name, name, 3)}), 1);
  }
  stacks.live(stacks.stack({stacks.place("clone 2")}), 1);
  stacks.live(stacks.stack({stacks.place("3.5 ")}), 1);
  CHECK(stacks.folded() ==
        "  ( :3) 1\n"
        "17 (17:3) 1\n"
        "f 1.5 (f 1.5:3) 1\n"
        "lambda {1} (lambda {1}:3) 1\n"
        "operator:   x (operator:   x:3) 1\n"
        "program!3.5  1\n"
        "program!clone_2 1\n"
        "thunk 17 (thunk 17:3) 1\n");
}

TEST_CASE("a speedscope file has a profile of bytes and one of blocks", "[unit]") {
  Stacks stacks;
  const auto main = stacks.place("main", "/src/app.cpp", 43);
  const auto start = stacks.place("_start");
  stacks.live(stacks.stack({start, main}), 100, 3);
  stacks.live(stacks.stack({start}), 0, 2);
  const auto file = json::parse(to_speedscope(stacks.file, make_paths(stacks.file)));
  CHECK(file["name"] == "after");
  const auto& frames = file["shared"]["frames"];
  CHECK(frames == json::parse(R"([{"name": "program!_start", "file": "/app/program"},
                                  {"name": "main", "file": "/src/app.cpp", "line": 43}])"));
  REQUIRE(file["profiles"].size() == 2);
  CHECK(file["profiles"][0]["samples"] == json::parse("[[0, 1]]"));
  CHECK(file["profiles"][0]["weights"] == json::parse("[100]"));
  CHECK(file["profiles"][0]["unit"] == "bytes");
  CHECK(file["profiles"][1]["samples"] == json::parse("[[0], [0, 1]]"));
  CHECK(file["profiles"][1]["weights"] == json::parse("[2, 3]"));
  CHECK(file["profiles"][1]["endValue"] == 5);
}

TEST_CASE("a speedscope difference has what grew and what shrank", "[unit]") {
  Stacks stacks;
  const auto grown = stacks.stack({stacks.place("grown", "a.c", 1)});
  const auto shrunk = stacks.stack({stacks.place("shrunk", "a.c", 2)});
  const auto same = stacks.stack({stacks.place("same", "a.c", 3)});
  for (const auto stack : {grown, shrunk, same}) {
    Stacks::live(stacks.older(), stack, 100, 10);
  }
  stacks.older().name = "before";
  stacks.live(grown, 150, 11);
  stacks.live(shrunk, 30, 8);
  stacks.live(same, 100, 10);
  const auto file = json::parse(to_speedscope(stacks.file, make_paths(stacks.file)));
  CHECK(file["name"] == "before -> after");
  std::vector<std::string> profiles;
  for (const auto& profile : file["profiles"]) {
    profiles.push_back(profile["name"].get<std::string>() + " " + profile["weights"].dump());
  }
  CHECK(profiles ==
        std::vector<std::string>{"grown, bytes [50]", "shrunk, bytes [70]", "grown, blocks [1]", "shrunk, blocks [2]"});
}

// What the JSON export says of a file, added up from its tracebacks, with frames found by their indexes.
void check_sound(const json& exported, bool is_diff) {
  std::int64_t size = 0;
  std::int64_t size_diff = 0;
  for (const auto& traceback : exported["tracebacks"]) {
    size += traceback["size"].get<std::int64_t>();
    size_diff += is_diff ? traceback["size_diff"].get<std::int64_t>() : 0;
    for (const auto& frame : traceback["frames"]) {
      REQUIRE(frame.get<std::size_t>() < exported["frames"].size());
    }
    const auto& site = traceback["call_site"];
    CHECK(site.is_null() == traceback["frames"].empty());
    CHECK((site.is_null() || site.get<std::size_t>() < traceback["frames"].size()));
  }
  CHECK(size == exported["total"]["size"]);
  CHECK(exported["total"].contains("size_diff") == is_diff);
  CHECK((!is_diff || size_diff == exported["total"]["size_diff"]));
}

TEST_CASE("the JSON export has every traceback with its frames, and adds up", "[unit]") {
  const HideRules rules;
  auto file = make_snapshot_file(100);
  const auto exported = json::parse(to_export_json(file, rules));
  CHECK(exported["format"] == 1);
  CHECK(exported["snapshot"]["name"] == file.snapshot.name);
  CHECK(exported["snapshot"]["since_start_only"] == true);
  CHECK(exported["tracebacks"].size() == file.snapshot.counts.size());
  check_sound(exported, false);
  file.older = file.snapshot;
  file.older->counts.resize(30);
  file.older->size = 0;
  for (auto& live : file.older->counts) {
    live.size += 100;
    file.older->size += live.size;
  }
  const auto difference = json::parse(to_export_json(file, rules));
  CHECK_FALSE(difference.contains("snapshot"));
  CHECK(difference["tracebacks"].size() == file.snapshot.counts.size());
  check_sound(difference, true);
}

TEST_CASE("the JSON export ranks tracebacks, and says where they end and what they are charged to", "[unit]") {
  Stacks stacks;
  const auto main = stacks.place("main", "/src/app.cpp", 43);
  const auto library = stacks.place("std::vector<int>::push_back(int&&)", "/usr/include/c++/12/bits/stl_vector.h", 9);
  stacks.live(stacks.stack({main}, TracebackEnd::frame_limit), 10);
  stacks.live(stacks.stack({main, library}), 20, 2);
  stacks.live(stacks.stack({}, TracebackEnd::no_unwind_info), 5);
  stacks.file.stacks.back().stopped_at = {0x7f00};
  const auto exported = json::parse(to_export_json(stacks.file, {}));
  CHECK(exported["tracebacks"] == json::parse(R"([
    {"size": 20, "count": 2, "domain": "malloc", "thread": "thread 1", "truncated": null, "call_site": 1, "frames": [1, 0]},
    {"size": 10, "count": 1, "domain": "malloc", "thread": "thread 1", "truncated": "frame limit", "call_site": 0, "frames": [0]},
    {"size": 5, "count": 1, "domain": "malloc", "thread": "thread 1", "truncated": "no unwind information at 0x7f00", "call_site": null, "frames": []}])"));
  CHECK(exported["frames"][1]["hidden"] == true);
  CHECK(exported["frames"][0] == json::parse(R"({"file": "/src/app.cpp", "line": 43, "function": "main",
    "module": "/app/program", "offset": 4096, "inlined": false, "hidden": false})"));
}

// What the page is given.
json page_data(const std::string& html) {
  const std::string begin = R"(<script type="application/json" id="data">)";
  const auto from = html.find(begin) + begin.size();
  return json::parse(html.substr(from, html.find("</script>", from) - from));
}

TEST_CASE("the page holds its data, and no name in it is markup", "[unit]") {
  Stacks stacks;
  const std::string name = "map<a, b>::</script><script>alert(1)</script><!--";
  stacks.live(stacks.stack({stacks.place(name, "/src/<b>.cpp", 1)}), 10, 2);
  stacks.file.snapshot.name = "<i>\"after\"";
  const auto html = to_html(stacks.file, make_paths(stacks.file), {}).value();
  CHECK(html.starts_with("<!doctype html>"));
  CHECK(html.find("alert(1)</script>") == std::string::npos);
  CHECK(html.find("<i>") == std::string::npos);
  CHECK(html.find("@MEMSNAP_DATA@") == std::string::npos);
  // It names no other place to get anything from.
  for (const std::string from : {"src=\"", "url(", "@import", "fetch("}) {
    CAPTURE(from);
    CHECK(html.find(from) == std::string::npos);
  }
  const auto data = page_data(html);
  CHECK(data["new"]["name"] == stacks.file.snapshot.name);
  CHECK(data["old"].is_null());
  CHECK(data["strings"][data["frames"][0][0].get<std::size_t>()] == name);
  CHECK(data["tree"] == json::parse("[0, 0, 10, 2]"));
  CHECK(data["tables"]["lineno"][0] == json::parse(R"(["<b>.cpp:1", 10, 2, 0, 0, "/src/<b>.cpp", 1, null, null])"));
}

TEST_CASE("the page's tree is that of the paths, each frame before those that it called", "[unit]") {
  Stacks stacks;
  const auto a = stacks.place("a", "x.c", 1);
  const auto b = stacks.place("b", "x.c", 2);
  const auto c = stacks.place("c", "x.c", 3);
  const auto ab = stacks.stack({a, b});
  const auto acb = stacks.stack({a, c, b});
  Stacks::live(stacks.older(), ab, 1, 1);
  stacks.live(stacks.stack({a}), 7, 2);
  stacks.live(acb, 5, 1);
  stacks.live(stacks.stack({c}), 4, 1);
  const auto data = page_data(to_html(stacks.file, make_paths(stacks.file), {}).value());
  CHECK(data["tree"] == json::parse(R"([0, 0, 7, 2, 0, 0,
                                          1, 1, 0, 0, 1, 1,
                                          1, 2, 0, 0, 0, 0,
                                            2, 1, 5, 1, 0, 0,
                                        0, 2, 4, 1, 0, 0])"));
  CHECK(data["tables"]["domain"][0] == json::parse(R"(["malloc", 16, 4, 15, 3, null, null, null, null])"));
}

TEST_CASE("a pprof difference is no snapshot to load", "[unit]") {
  auto file = make_snapshot_file(20);
  file.older = file.snapshot;
  const auto read = parse_pprof(to_pprof(file));
  REQUIRE_FALSE(read);
  CHECK(read.error().message == "no snapshot but a difference: it has negative values");
}

}  // namespace
}  // namespace memsnap
