// Commands on a core file, whose memory is made by hand.

#include <cstring>
#include <iterator>
#include <sstream>
#include <string>

#include "core/recorder/layout.h"
#include "plugin/command.h"
#include "plugin/recorder/notes.h"
#include "tests/catch.h"
#include "tests/unit/fake_debugger.h"
#include "tests/unit/fake_program.h"
#include "tests/unit/fake_recorder.h"

namespace memsnap {
namespace {

using test::FakeDebugger;
using test::FakeProgram;
using test::FakeRecorder;

constexpr std::uint64_t kStub = 0x28000000;
constexpr std::uint64_t kSite = 0x28001000;
constexpr std::uint64_t kNotes = 0x28002000;
constexpr std::uint64_t kStack = 0x7ffc00000000;
constexpr OsThreadId kThread{1001};  // as FakeRecorder numbers its first

constexpr std::string_view kNotRecorded = "memsnap: the process of this core file was not being recorded";
constexpr std::string_view kNotTraced =
    "memsnap: a core file cannot be traced; 'memsnap stats' shows what was live in it";
constexpr std::string_view kNotWhole =
    "memsnap: this core file does not hold all that was recorded: it was cut off, or written without some memory";

// A process that was recorded from its start: two blocks of 750 bytes are live from grow(), one of 20000 from leak().
class Core {
 public:
  Core() {
    recorder_.add_thread(1);
    recorder_.count(recorder_.add_origin(1, frames(FakeProgram::grow)), 3, 1800, 1, 300);
    recorder_.count(recorder_.add_origin(1, frames(FakeProgram::leak)), 1, 20000);
    recorder_.put(FakeRecorder::control(&layout::Control::from_start), std::uint32_t{1});
    recorder_.put(FakeRecorder::control(&layout::Control::frame_limit), std::uint32_t{20});
    recorder_.memory.map(kStub, 0x1000);
    recorder_.memory.map(kSite, 0x1000);
    recorder_.memory.map(kNotes, 0x1000);
    recorder_.memory.map(kStack, 0x1000);
    for (const auto& module : program_.all()) {
      for (const auto& segment : module.segments) {
        recorder_.memory.map(segment.begin.value, segment.end - segment.begin);
      }
    }
    hook_malloc();
    write_notes(true);
    debugger.inferior = InferiorState::core;
    debugger.mapped = program_.all();
    debugger.labels[kThread] = {3, ""};
    debugger.registers[kThread].set(Register::rsp, kStack + 0x800);
    debugger.bytes = recorder_.memory;
  }

  std::string operator()(const std::string& line) {
    std::istringstream in(line);
    const auto result = run_command(session, std::vector<std::string>(std::istream_iterator<std::string>(in), {}));
    return result ? *result : "memsnap: " + result.error().message;
  }
  void put(std::uint64_t address, std::uint64_t value) { debugger.bytes.put(address, value); }
  void write_notes(bool in_place) {
    RecorderAddresses addresses;
    addresses.control = {FakeRecorder::kControl};
    const auto notes = to_text({.addresses = addresses,
                                .code_size = 0x1000,
                                .domains = {"malloc"},
                                .spaces = {},
                                .hooks = {hook(in_place)},
                                .areas = {},
                                .landings = {},
                                .arena = {},
                                .rows = {},
                                .room = 0,
                                .modules_generation = 1,
                                .mapped = 0x5000});
    REQUIRE(notes.size() < 0x1000);
    recorder_.memory.put_bytes(kNotes, notes.data(), notes.size());
    recorder_.put(FakeRecorder::control(&layout::Control::notes), kNotes);
    recorder_.put(FakeRecorder::control(&layout::Control::notes_size), std::uint64_t{notes.size()});
    debugger.bytes = recorder_.memory;
  }
  // What the core file does not hold.
  void cut(std::uint64_t begin) { debugger.bytes.unmap(begin); }

  FakeDebugger debugger;
  Session session{debugger};

 private:
  static std::vector<std::uint64_t> frames(std::uint64_t function) {
    return {FakeProgram::in(function), FakeProgram::in(FakeProgram::main)};
  }

  static Hook hook(bool in_place) {
    Hook hook;
    hook.domain = "malloc";
    hook.name = "malloc";
    hook.module = "libc.so.6";
    hook.plan.entry = {FakeProgram::malloc};
    hook.plan.moved.patch = {FakeProgram::malloc};
    hook.plan.patched = jump();
    hook.in_place = in_place;
    return hook;
  }

  static decltype(HookPlan::patched) jump() {
    decltype(HookPlan::patched) bytes{std::byte{0xe9}};
    const auto distance = static_cast<std::int32_t>(kStub - FakeProgram::malloc - 5);
    std::memcpy(&bytes[1], &distance, sizeof distance);
    return bytes;
  }

  void hook_malloc() {
    const auto bytes = jump();
    recorder_.memory.put_bytes(FakeProgram::malloc, bytes.data(), bytes.size());
    // movabs $site, %r11
    const std::string load = test::bytes_of({0x49, 0xbb});
    recorder_.memory.put_bytes(kStub, load.data(), load.size());
    recorder_.memory.put(kStub + 2, kSite);
    recorder_.put(kSite + offsetof(layout::Site, control), std::uint64_t{FakeRecorder::kControl});
  }

  FakeRecorder recorder_;
  FakeProgram program_;
};

constexpr std::string_view kRows =
    "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
    "#2 program!grow(): size=1500 B, count=2, average=750 B\n"
    "Total: size=21.0 KiB, count=3\n";

TEST_CASE("tables of a core file show what was live in it", "[unit]") {
  Core core;
  CHECK(core("stats") == "now, by lineno\n" + std::string(kRows));
  CHECK(core("traceback 2 --all") ==
        "#2 program!grow(): size=1500 B, count=2, average=750 B\n"
        "  Module \"program\", in grow()+0x10\n"
        "  Module \"program\", in main+0x10\n");
  CHECK(core("stats thread") ==
        "now, by thread\n"
        "#1 thread 3: size=21.0 KiB, count=3, average=7167 B\n"
        "Total: size=21.0 KiB, count=3\n");
  CHECK(core("take crash") == "Snapshot #1 'crash': size=21.0 KiB, count=3, average=7167 B\n");
  CHECK(core("list") == "Snapshot #1 'crash': size=21.0 KiB, count=3, average=7167 B\n");
  CHECK(core("diff lineno crash now") == "crash -> now, by lineno\nTotal: size=21.0 KiB (+0 B), count=3 (+0)\n");
}

TEST_CASE("status of a core file gives its figures, and that nothing is traced", "[unit]") {
  Core core;
  CHECK(
      core("status").starts_with("tracing: no\n"
                                 "engine: recorder\n"
                                 "frames: 20\n"
                                 "size: 21500 (21.0 KiB)\n"
                                 "count: 3\n"
                                 "peak: 21500 (21.0 KiB)\n"
                                 "tracebacks: 2\n"
                                 "allocations: 4\n"
                                 "frees: 1\n"
                                 "allocated: 21800 (21.3 KiB)\n"));
  CHECK(core("status").ends_with("domains: malloc: malloc (hook)\n"));
  CHECK(core("status").find("overhead_process: " + std::to_string(0x5000 + FakeRecorder::kMapped)) !=
        std::string::npos);
}

TEST_CASE("tables of a core file say where the recorder had come late", "[unit]") {
  Core core;
  const std::uint32_t late = 0;
  core.debugger.bytes.put_bytes(FakeRecorder::control(&layout::Control::from_start), &late, sizeof late);
  CHECK(core("stats").starts_with("now, by lineno, since memsnap start (older blocks are not known)\n"));
}

TEST_CASE("a core file is never changed, and says that it cannot be traced", "[unit]") {
  Core core;
  for (const std::string line : {"start", "start 10 --engine breakpoint", "stop", "clear", "reset-peak"}) {
    INFO(line);
    CHECK(core(line) == kNotTraced);
  }
  core("take");
  core("stats");
  core("status --json");
  CHECK(core.session.tracing() == Tracing::no);
  CHECK(core.debugger.writes.empty());
  CHECK(core.debugger.breakpoints.empty());
  CHECK(core.debugger.symbols.empty());
  CHECK_FALSE(core.debugger.watching);
}

TEST_CASE("a core file of a process that was not recorded, or no more, says so", "[unit]") {
  Core never;
  never.put(FakeProgram::malloc, 0);
  Core no_more;
  no_more.write_notes(false);
  no_more.put(FakeProgram::malloc, 0);
  for (auto* core : {&never, &no_more}) {
    CHECK((*core)("stats") == kNotRecorded);
    CHECK((*core)("take") == kNotRecorded);
    CHECK((*core)("status").find("tracing: no\nengine: -\n") == 0);
    CHECK((*core)("status").find("remark: the process of this core file was not being recorded\n") !=
          std::string::npos);
    CHECK((*core)("start") == kNotTraced);
  }
}

TEST_CASE("another core file is read anew, and snapshots of the one before stay", "[unit]") {
  Core core;
  core("take first");
  core.put(FakeProgram::malloc, 0);
  CHECK(core("stats now") == "now, by lineno\n" + std::string(kRows));  // nobody said that it was another
  core.debugger.instance = "two";
  CHECK(core("stats now") == kNotRecorded);
  CHECK(core("stats first") == "first, by lineno\n" + std::string(kRows));
  core.debugger.inferior = InferiorState::none;
  CHECK(core("stats now") == "memsnap: no process; 'memsnap start' arms tracing for the next run");
}

TEST_CASE("a core file without some of the memory says so", "[unit]") {
  Core without_books;
  without_books.cut(FakeRecorder::kControl);
  CHECK(without_books("stats") == kNotWhole);
  Core without_notes;
  without_notes.cut(kNotes);
  CHECK(without_notes("stats") == kNotWhole);
  // The debugger shows the code of the file where there is none in the core file.
  Core without_code;
  without_code.put(FakeProgram::malloc, 0);
  without_code.cut(kStack);
  CHECK(without_code("stats") == kNotWhole);
  Core without_variables;
  without_variables.put(FakeProgram::malloc, 0);
  for (const std::uint64_t module : {0x10000000U, 0x20000000U, 0x30000000U, 0x40000000U}) {
    without_variables.cut(module);
  }
  CHECK(without_variables("stats") == kNotWhole);
}

TEST_CASE("a search that is interrupted begins again with the next command", "[unit]") {
  Core core;
  core.cut(0x20000000);
  core.debugger.ranges = {{{FakeRecorder::kControl - 0x200000}, {FakeRecorder::kControl - 0x100000}},
                          {{FakeRecorder::kControl}, {FakeRecorder::kControl + 0x10000}}};
  core.debugger.ctrl_c = true;
  CHECK(core("stats") == "memsnap: interrupted");
  core.debugger.ctrl_c = false;
  CHECK(core("stats") == "now, by lineno\n" + std::string(kRows));
}

TEST_CASE("where the hooks cannot be followed, the recorder is searched for", "[unit]") {
  Core without_code;
  without_code.cut(0x20000000);
  CHECK(without_code("stats") == kNotRecorded);  // as code that was not changed is left out
  without_code.debugger.instance = "two";
  without_code.debugger.ranges = {{{0x1000}, {0x2000}}, {{FakeRecorder::kControl}, {FakeRecorder::kControl + 0x10000}}};
  CHECK(without_code("stats") == "now, by lineno\n" + std::string(kRows));
  // What was stopped does not record any more, though its books are there.
  without_code.write_notes(false);
  without_code.cut(0x20000000);
  without_code.debugger.instance = "three";
  CHECK(without_code("stats") == kNotRecorded);

  Core other_files;
  other_files.debugger.mapped.clear();
  other_files.debugger.ranges = {{{FakeRecorder::kControl}, {FakeRecorder::kControl + 0x10000}}};
  CHECK(other_files("stats").find("Total: size=21.0 KiB, count=3\n") != std::string::npos);
}

TEST_CASE("armed tracing outlives a look at a core file", "[unit]") {
  Core core;
  core.debugger.inferior = InferiorState::none;
  core("start 16");
  core.debugger.inferior = InferiorState::core;
  CHECK(core("stats") == "now, by lineno\n" + std::string(kRows));
  CHECK(core("status").starts_with("tracing: armed\nengine: recorder\nframes: 20\n"));
  CHECK(core("stop") == "memsnap: stopped\n");
  CHECK(core("stop") == kNotTraced);
}

TEST_CASE("while another process is traced, a core file is not shown in its place", "[unit]") {
  Core core;
  core.debugger.inferior = InferiorState::stopped;
  core("start --engine breakpoint");
  core.debugger.inferior = InferiorState::core;
  const std::string line = "memsnap: another process is traced; 'memsnap stop' there, then read the core file";
  CHECK(core("stats") == line);
  CHECK(core("status").starts_with("tracing: yes\n"));
  CHECK(core("stop") == "memsnap: stopped\n");
  CHECK(core("stats") == "now, by lineno\n" + std::string(kRows));
}

}  // namespace
}  // namespace memsnap
