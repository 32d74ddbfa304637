#include "plugin/packing.h"

#include "core/formats/table.h"
#include "tests/catch.h"
#include "tests/unit/snapshot_files.h"

namespace memsnap {
namespace {

using test::make_snapshot_file;

// What a session has.
struct Side {
  Recording recording;
  Symbolizer symbolizer{recording.modules};
  HideRules rules;
  Blame blame{recording.tracebacks, symbolizer, rules};

  Snapshot load(SnapshotFile file) { return unpack(std::move(file), recording, symbolizer); }
  SnapshotFile save(const Snapshot& snapshot) { return pack(snapshot, recording, symbolizer, {}).value(); }

  Grouping by(Key key) const {
    Grouping grouping;
    grouping.key = key;
    grouping.domains = recording.domains.names();
    grouping.threads = recording.threads.names();
    return grouping;
  }
  // All that can be printed of a snapshot.
  std::string tables(const Snapshot& snapshot) {
    std::string text = snapshot_json(snapshot);
    for (const auto key :
         {Key::lineno, Key::filename, Key::function, Key::traceback, Key::module, Key::domain, Key::thread}) {
      for (const bool cumulative : {false, true}) {
        auto grouping = by(key);
        grouping.cumulative = cumulative && can_cumulate(key);
        const auto table = make_table(snapshot, grouping, statistics(snapshot, grouping, blame).value());
        const TableStyle style{.limit = 0, .all_frames = true};
        text += table_text(table, style, blame, {}) + table_json(table, style, blame);
        for (const auto& row : table.rows) {
          text += traceback_text(row.largest, true, blame, {}) + traceback_text(row.largest, false, blame, {});
        }
      }
    }
    return text;
  }
  std::size_t rows_of_diff(const Snapshot& older, const Snapshot& newer, Key key) {
    const auto grouping = by(key);
    return make_table(older, newer, grouping, differences(older, newer, grouping, blame).value()).rows.size();
  }
};

TEST_CASE("A snapshot prints the same in another session", "[unit]") {
  Side one;
  const auto there = one.load(make_snapshot_file(200));
  Side other;
  const auto here = other.load(one.save(there));
  CHECK(one.tables(there).size() > 10000);
  CHECK(other.tables(here) == one.tables(there));
}

TEST_CASE("A snapshot prints the same where the session knows other modules and tracebacks already", "[unit]") {
  Side one;
  const auto there = one.load(make_snapshot_file(200));
  Side other;
  // The same modules, in another order.
  for (const Module& module : {Module{"/lib/libc.so.6", "1234", ""}, Module{"/lib/zzz.so", "77", ""},
                               Module{"/app/without id.so", "", ""}, Module{"/app/program", "00ff", ""}}) {
    other.recording.modules.intern(module);
  }
  other.recording.domains.intern("new");
  other.recording.threads.intern("thread 2");
  other.load(make_snapshot_file(3));
  CHECK(other.tables(other.load(one.save(there))) == one.tables(there));
}

TEST_CASE("Two files of one program have their tracebacks in common", "[unit]") {
  Side side;
  const auto first = side.load(make_snapshot_file(50));
  const auto tracebacks = side.recording.tracebacks.size();
  const auto modules = side.recording.modules.size();
  const auto second = side.load(make_snapshot_file(50));
  CHECK(side.recording.tracebacks.size() == tracebacks);
  CHECK(side.recording.modules.size() == modules);
  CHECK(side.rows_of_diff(first, second, Key::traceback) == 0);
}

// One block from a place in a module.
SnapshotFile one_place(const Module& module, Frame frame) {
  SnapshotFile file;
  file.modules = {module};
  frame.module = module.path;
  file.places = {{0, {std::move(frame)}}};
  file.stacks = {{{0}, TracebackEnd::complete, {}}};
  file.domains = {"malloc"};
  file.threads = {"thread 1"};
  file.snapshot.counts = {{.origin = {}, .size = 8, .count = 1}};
  file.snapshot.size = 8;
  file.snapshot.count = 1;
  return file;
}

Frame at(const std::string& file, std::uint32_t line) {
  Frame frame;
  frame.file = file;
  frame.line = line;
  frame.function = "work()";
  frame.offset = 0x1000;
  return frame;
}

ModuleId module_of(const Side& side, const Snapshot& snapshot) {
  return side.recording.tracebacks.get(snapshot.counts.at(0).origin.traceback).frames.at(0).pc.module;
}

TEST_CASE("A file's module is the session's own of that build id, unless they disagree", "[unit]") {
  const Module module{"/app/program", "00ff", ""};
  Side side;
  const auto id = side.recording.modules.intern(module);
  const auto agreed = side.load(one_place(module, at("/src/a.cpp", 7)));
  CHECK(module_of(side, agreed) == id);
  const auto other = side.load(one_place(module, at("/src/a.cpp", 8)));
  CHECK(module_of(side, other) != id);
  CHECK(side.blame.frames(agreed.counts[0].origin.traceback)[0].line == 7);
  CHECK(side.blame.frames(other.counts[0].origin.traceback)[0].line == 8);
  CHECK(module_of(side, side.load(one_place(module, at("/src/a.cpp", 8)))) == module_of(side, other));
}

TEST_CASE("A module without a build id is the session's only where its files say the same", "[unit]") {
  const Module module{"/nonexistent/program", "", ""};
  Side side;
  const auto id = side.recording.modules.intern(module);
  const auto rebuilt = side.load(one_place(module, at("/src/a.cpp", 7)));
  CHECK(module_of(side, rebuilt) != id);
  CHECK(module_of(side, side.load(one_place(module, at("/src/a.cpp", 7)))) == module_of(side, rebuilt));
  Frame nameless;
  nameless.offset = 0x2000;  // all that can be said without the file
  CHECK(module_of(side, side.load(one_place(module, nameless))) == id);
}

TEST_CASE("Places of one address that differ stay apart", "[unit]") {
  // As profiles have them that know no addresses.
  auto file = one_place({"", "", ""}, at("/src/a.py", 1));
  file.modules.clear();
  for (std::uint32_t line = 1; line < 4; ++line) {
    auto frame = at("/src/a.py", line);
    frame.offset = 1;
    file.places.resize(line);
    file.places[line - 1] = {SnapshotFile::kNoModule, {frame}};
    file.stacks.resize(line);
    file.stacks[line - 1] = {{line - 1}, TracebackEnd::complete, {}};
    file.snapshot.counts.resize(line);
    file.snapshot.counts[line - 1] = {.origin = {.traceback = TracebackId{line - 1}}, .size = 8, .count = 1};
  }
  Side side;
  const auto snapshot = side.load(file);
  CHECK(statistics(snapshot, side.by(Key::lineno), side.blame).value().rows.size() == 3);
  Side other;
  CHECK(other.tables(other.load(side.save(snapshot))) == side.tables(snapshot));
}

TEST_CASE("What was freed of one place is one number", "[unit]") {
  Side side;
  auto snapshot = side.load(make_snapshot_file(4));
  REQUIRE(snapshot.freed.size() == 1);
  snapshot.freed.push_back(snapshot.freed[0]);
  const auto packed = side.save(snapshot).snapshot.freed;
  REQUIRE(packed.size() == 1);
  CHECK(packed[0].allocated == 2 * snapshot.freed[0].allocated);
  CHECK(packed[0].allocations == 2 * snapshot.freed[0].allocations);
}

TEST_CASE("What could not be loaded again is not saved", "[unit]") {
  Side side;
  auto snapshot = side.load(make_snapshot_file(4));
  snapshot.name = "large";
  snapshot.counts.resize(SnapshotFile::kMostEntries + 1, snapshot.counts[0]);
  const auto packed = pack(snapshot, side.recording, side.symbolizer, {});
  REQUIRE_FALSE(packed.has_value());
  CHECK(packed.error().message == "snapshot 'large' is too large for a file");
}

TEST_CASE("Packing can be interrupted", "[unit]") {
  Side side;
  const auto snapshot = side.load(make_snapshot_file(200));
  const auto packed = pack(snapshot, side.recording, side.symbolizer, [](double) { return false; });
  REQUIRE_FALSE(packed.has_value());
  CHECK(packed.error().code == Code::interrupted);
}

}  // namespace
}  // namespace memsnap
