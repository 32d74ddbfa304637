#include "core/trace/traceback.h"

#include "core/formats/table.h"
#include "tests/catch.h"
#include "tests/unit/fake_frames.h"

namespace memsnap {
namespace {

Traceback of_offsets(std::initializer_list<std::uint64_t> offsets) {
  Traceback traceback;
  for (const auto offset : offsets) {
    traceback.frames.push_back({FrameKind::native, {ModuleId{0}, offset}});
  }
  return traceback;
}

std::optional<std::string> sources(const std::string& file, std::uint32_t line) {
  if (file != "/src/waste_memory.cpp") {
    return std::nullopt;
  }
  return line == 8 ? "\t  data = new char[100];  \r" : "   ";
}

TEST_CASE("The same frames are stored once", "[unit]") {
  TracebackTable table;
  const auto first = table.intern(of_offsets({1, 2, 3}));
  const auto second = table.intern(of_offsets({1, 2, 4}));
  CHECK(first != second);
  CHECK(table.intern(of_offsets({1, 2, 3})) == first);
  CHECK(table.size() == 2);
  CHECK(table.get(second) == of_offsets({1, 2, 4}));
  CHECK(table.frame_count() == 4);
  CHECK(table.memory_bytes() > 6 * sizeof(FrameId) + 4 * sizeof(StoredFrame));
}

TEST_CASE("Order, module and end tell tracebacks apart", "[unit]") {
  TracebackTable table;
  auto other_module = of_offsets({1, 2});
  other_module.frames[0].pc.module = ModuleId{1};
  auto limited = of_offsets({1, 2});
  limited.end = TracebackEnd::frame_limit;
  auto stopped = of_offsets({1, 2});
  stopped.end = TracebackEnd::no_unwind_info;
  auto stopped_elsewhere = stopped;
  stopped_elsewhere.stopped_at = Address{5};
  for (const auto& traceback :
       {of_offsets({}), of_offsets({1, 2}), of_offsets({2, 1}), other_module, limited, stopped, stopped_elsewhere}) {
    table.intern(traceback);
  }
  CHECK(table.size() == 7);
}

TEST_CASE("A traceback stays where it is while others come", "[unit]") {
  TracebackTable table;
  const auto id = table.intern(of_offsets({7}));
  const auto* const before = table.stored(id).frames.data();
  for (std::uint64_t i = 0; i < 10000; ++i) {
    table.intern(of_offsets({i, i + 1}));
  }
  CHECK(table.stored(id).frames.data() == before);
  CHECK(table.get(id) == of_offsets({7}));
  CHECK(table.size() == 10001);
}

struct TracebackFixture {
  FakeStacks stacks;
  HideRules rules;
  Blame blame{stacks.table, stacks.source, rules};

  Pc constructor = stacks.place(source_frame("/src/waste_memory.cpp", 8, "MyObject::MyObject()"));
  Pc main = stacks.place(source_frame("/src/waste_memory.cpp", 20, "main"));
  Pc vector = stacks.place({source_frame("/usr/include/c++/12/bits/alloc_traits.h", 464, "allocate(unsigned long)"),
                            source_frame("/usr/include/c++/12/bits/stl_vector.h", 378, "_M_allocate(unsigned long)")});
  Pc start = stacks.place(module_frame("/lib/libc.so.6", "__libc_start_main"));
  Pc nameless = stacks.place(module_frame("/lib/libc.so.6", "", 0x271ca));
};

TEST_CASE("A frame with a line shows its source, stripped", "[unit]") {
  TracebackFixture f;
  const auto id = f.stacks.traceback({f.constructor});
  CHECK(traceback_text(id, false, f.blame, sources) ==
        "  File \"/src/waste_memory.cpp\", line 8, in MyObject::MyObject()\n"
        "    data = new char[100];\n");
}

TEST_CASE("A source line that is blank or cannot be read is left out", "[unit]") {
  TracebackFixture f;
  const auto blank = f.stacks.traceback({f.main});
  CHECK(traceback_text(blank, false, f.blame, sources) == "  File \"/src/waste_memory.cpp\", line 20, in main\n");
  const auto unreadable = f.stacks.traceback({f.stacks.place(source_frame("/gone.c", 1, "f"))});
  CHECK(traceback_text(unreadable, false, f.blame, sources) == "  File \"/gone.c\", line 1, in f\n");
  CHECK(traceback_text(unreadable, false, f.blame, {}) == "  File \"/gone.c\", line 1, in f\n");
}

TEST_CASE("Runs of hidden frames are folded", "[unit]") {
  TracebackFixture f;
  const auto id = f.stacks.traceback({f.vector, f.main, f.start});
  CHECK(traceback_text(id, false, f.blame, sources) ==
        "  ... 2 library frames\n"
        "  File \"/src/waste_memory.cpp\", line 20, in main\n"
        "  ... 1 library frame\n");
}

TEST_CASE("All frames are shown on demand, whatever they know of themselves", "[unit]") {
  TracebackFixture f;
  const Pc nowhere{ModuleId::none, 0x7f0012345678};
  const auto id = f.stacks.traceback({f.main, f.start, f.nameless, nowhere});
  CHECK(traceback_text(id, true, f.blame, sources) ==
        "  File \"/src/waste_memory.cpp\", line 20, in main\n"
        "  Module \"libc.so.6\", in __libc_start_main+0x8a\n"
        "  Module \"libc.so.6\", in 0x271ca\n"
        "  Module \"?\", in 0x7f0012345678\n");
}

TEST_CASE("The blamed frame is never folded, though it is hidden", "[unit]") {
  TracebackFixture f;
  const auto id = f.stacks.traceback({f.nameless, f.start});
  CHECK(traceback_text(id, false, f.blame, sources) ==
        "  Module \"libc.so.6\", in 0x271ca\n"
        "  ... 1 library frame\n");
}

TEST_CASE("A traceback that was cut says so in its last line", "[unit]") {
  TracebackFixture f;
  const auto limited = f.stacks.traceback({f.vector, f.main}, TracebackEnd::frame_limit);
  CHECK(traceback_text(limited, false, f.blame, sources) ==
        "  ... 2 library frames\n"
        "  File \"/src/waste_memory.cpp\", line 20, in main\n"
        "  (truncated: 2 frames limit)\n");
  const auto lost = f.stacks.traceback({}, TracebackEnd::no_unwind_info, Address{0x401136});
  CHECK(traceback_text(lost, false, f.blame, sources) == "  (truncated: no unwind information at 0x401136)\n");
}

TEST_CASE("A snapshot has its line and its JSON", "[unit]") {
  Snapshot snapshot;
  snapshot.id = 1;
  snapshot.name = "before";
  snapshot.size = 2449408;
  snapshot.count = 29990;
  snapshot.peak = 2449500;
  snapshot.engine = "recorder";
  snapshot.frames = 10;
  CHECK(snapshot_text(snapshot) == "Snapshot #1 'before': size=2392 KiB, count=29990, average=82 B");
  CHECK(snapshot_json(snapshot) ==
        R"({"id":1,"name":"before","size":2449408,"count":29990,"tracebacks":0,"peak":2449500,)"
        R"("engine":"recorder","frames":10})");

  Snapshot now;
  now.name = "now";
  CHECK(snapshot_text(now) == "Snapshot 'now': size=0 B, count=0");
}

}  // namespace
}  // namespace memsnap
