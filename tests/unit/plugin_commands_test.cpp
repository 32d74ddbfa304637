#include "plugin/command.h"

#include <iterator>
#include <sstream>
#include <utility>

#include "core/formats/size.h"
#include "plugin/files.h"
#include "tests/catch.h"
#include "tests/unit/fake_debugger.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

using test::FakeDebugger;
using test::FakeProgram;
using test::FakeThread;

using List = std::vector<std::string>;

constexpr std::string_view kWhy =
    "memsnap: engine breakpoint, as nothing runs here; each allocator call stops the program twice, for 0.3 to 1 ms "
    "each\n";

// A debugger with a session, where nothing has been run yet.
struct Plugin {
  Plugin() {
    debugger.obstacle = "nothing runs here";
    debugger.on_breakpoint = [this](Address address, StoppedThread& which) {
      return session.on_breakpoint(address, which);
    };
  }

  // What the user reads: the output, or the error as the adapters print it.
  std::string run(const List& words) {
    const auto result = run_command(session, words);
    return result ? *result : "memsnap: " + result.error().message;
  }
  // The words split at blanks.
  std::string operator()(const std::string& line) {
    std::istringstream in(line);
    return run(List(std::istream_iterator<std::string>(in), {}));
  }
  Code error(const List& words) {
    const auto result = run_command(session, words);
    REQUIRE_FALSE(result.has_value());
    return result.error().code;
  }

  // The user's `run` and `attach`.
  void launch() {
    debugger.inferior = InferiorState::stopped;
    debugger.mapped = program.all();
    if (debugger.watching) {
      session.on_modules_changed();
    }
  }
  void attach() {
    debugger.launched = false;
    debugger.inferior = InferiorState::stopped;
    debugger.mapped = program.all();
  }
  void exit() {
    debugger.inferior = InferiorState::none;
    debugger.mapped.clear();
    session.on_process_gone();
  }

  void allocate(std::uint64_t function, std::uint64_t size, std::uint64_t block) {
    thread.push(FakeProgram::in(FakeProgram::main));
    thread.call(FakeProgram::malloc, FakeProgram::in(function), {size});
    thread.leave(block);
    thread.rsp += 8;
  }
  void release(std::uint64_t block) {
    thread.call(FakeProgram::free, FakeProgram::in(FakeProgram::main, 0x20), {block});
    thread.leave(0);
  }

  FakeDebugger debugger;
  FakeProgram program;
  Session session{debugger};
  FakeThread thread{debugger, 1, "main"};
};

// One that traces from the start of a program, which has two blocks from `grow` and one from `leak`.
struct Traced : Plugin {
  Traced() {
    REQUIRE((*this)("start 16 --engine breakpoint") == "memsnap: armed, 16 frames, engine breakpoint\n");
    launch();
    allocate(FakeProgram::grow, 1000, 0x5000);
    allocate(FakeProgram::grow, 500, 0x6000);
    allocate(FakeProgram::leak, 20000, 0x8000);
  }
};

constexpr std::string_view kRows =
    "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
    "#2 program!grow(): size=1500 B, count=2, average=750 B\n"
    "Total: size=21.0 KiB, count=3\n";

TEST_CASE("start before a process arms tracing, and the next process is traced", "[unit]") {
  Plugin memsnap;
  CHECK(memsnap("start") == "memsnap: armed, 32 frames, engine auto\n");
  CHECK(memsnap.debugger.watching);
  CHECK(memsnap.session.tracing() == Tracing::armed);
  memsnap.launch();
  CHECK(memsnap.session.tracing() == Tracing::yes);
  CHECK(memsnap.debugger.told == kWhy);
  memsnap.allocate(FakeProgram::grow, 100, 0x5000);
  CHECK(memsnap("take") == "Snapshot #1 '1': size=100 B, count=1, average=100 B\n");
}

TEST_CASE("start in a process traces from now on, and tables say so", "[unit]") {
  Plugin memsnap;
  memsnap.attach();
  CHECK(memsnap("start 10") == "memsnap: tracing, 10 frames, engine breakpoint\n" + std::string(kWhy));
  memsnap.allocate(FakeProgram::leak, 20000, 0x8000);
  CHECK(memsnap("stats") ==
        "now, by lineno, since memsnap start (older blocks are not known)\n"
        "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
        "Total: size=19.5 KiB, count=1\n");
  memsnap("take before");
  CHECK(memsnap("diff before now") ==
        "before -> now, by lineno, since memsnap start (older blocks are not known)\n"
        "Total: size=19.5 KiB (+0 B), count=1 (+0)\n");
}

TEST_CASE("a second start is an error that says how to change, and changes nothing", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("start 10") == "memsnap: tracing already, with 16 frames; 'memsnap stop' first, then start anew");
  CHECK(memsnap.error({"start"}) == Code::tracing);
  CHECK(memsnap.session.options().frames == 16);
  CHECK(memsnap.session.tracing() == Tracing::yes);
}

TEST_CASE("start takes 1 to 256 frames", "[unit]") {
  for (const std::string word : {"0", "257", "x", "3.5", "99999999999", "10x", ""}) {
    Plugin memsnap;
    CHECK(memsnap.run({"start", word}) == "memsnap: '" + word + "' is no number of frames; NFRAMES is 1 to 256");
    CHECK(memsnap.session.tracing() == Tracing::no);
  }
  for (const std::string word : {"1", "256"}) {
    Plugin memsnap;
    CHECK(memsnap("start --engine breakpoint " + word) == "memsnap: armed, " + word + " frames, engine breakpoint\n");
  }
}

TEST_CASE("start's other errors say what would be right", "[unit]") {
  Plugin memsnap;
  CHECK(memsnap("start --engine none") == "memsnap: 'none' is no engine; engines are auto, recorder, breakpoint");
  CHECK(memsnap("start --history 0") == "memsnap: '0' is no number of freed blocks; --history takes 1 to 1000000");
  CHECK(memsnap("start 10 20") ==
        "memsnap: one word too many: '20'; usage: memsnap start [NFRAMES] [--engine auto|recorder|breakpoint] "
        "[--history N]");
  CHECK(memsnap("start --frames") ==
        "memsnap: no option '--frames'; usage: memsnap start [NFRAMES] [--engine auto|recorder|breakpoint] [--history "
        "N]");
  CHECK(memsnap("start --engine") ==
        "memsnap: --engine wants a value; usage: memsnap start [NFRAMES] [--engine auto|recorder|breakpoint] "
        "[--history N]");
  memsnap.debugger.inferior = InferiorState::running;
  CHECK(memsnap("start") == "memsnap: the process is running; interrupt it first");
  memsnap.debugger.inferior = InferiorState::none;
  memsnap.debugger.watch_error = "no internal breakpoints here";
  CHECK(memsnap("start 10") == "memsnap: no internal breakpoints here");
  CHECK(memsnap.session.options().frames == 32);
  CHECK(memsnap.session.tracing() == Tracing::no);
  CHECK_FALSE(memsnap.debugger.watching);
}

TEST_CASE("the recorder where it cannot be is an error that says why, and nothing is recorded", "[unit]") {
  Plugin memsnap;
  memsnap.attach();
  CHECK(memsnap("start --engine recorder") == "memsnap: engine recorder cannot work here: nothing runs here");
  CHECK(memsnap.session.tracing() == Tracing::no);
  memsnap.exit();
  CHECK(memsnap("start --engine recorder") == "memsnap: armed, 32 frames, engine recorder\n");
  memsnap.launch();
  memsnap.session.on_modules_changed();  // told once, and no more for each module
  CHECK(memsnap.debugger.told == "memsnap: nothing is recorded: engine recorder cannot work here: nothing runs here\n");
  CHECK(memsnap("take") == "memsnap: engine recorder cannot work here: nothing runs here");
  CHECK(memsnap.debugger.breakpoints.empty());
}

TEST_CASE("a process of which nothing can be seen is an error that says why", "[unit]") {
  Plugin memsnap;
  memsnap.attach();
  memsnap.debugger.mapped.clear();
  CHECK(memsnap("start") == "memsnap: the process cannot be traced, as nothing runs here");
  CHECK(memsnap.session.tracing() == Tracing::no);
  memsnap.exit();
  memsnap("start");
  memsnap.attach();
  const auto modules = std::exchange(memsnap.debugger.mapped, {});
  memsnap.session.on_modules_changed();
  CHECK(memsnap("take") == "memsnap: the process cannot be traced, as nothing runs here");
  memsnap.debugger.mapped = modules;
  memsnap.session.on_modules_changed();
  CHECK(memsnap("take").starts_with("Snapshot #1"));
}

TEST_CASE("a start that fails in the midst leaves the process as it was", "[unit]") {
  Plugin memsnap;
  memsnap.attach();
  memsnap.debugger.refused[{FakeProgram::realloc}] = "Cannot insert breakpoint";
  CHECK(memsnap("start") == "memsnap: Cannot insert breakpoint");
  CHECK(memsnap.session.tracing() == Tracing::no);
  CHECK(memsnap.debugger.breakpoints.empty());
  CHECK_FALSE(memsnap.debugger.watching);
}

TEST_CASE("stop leaves the process as it was, and the snapshots", "[unit]") {
  Traced memsnap;
  memsnap("take before");
  CHECK_FALSE(memsnap.debugger.breakpoints.empty());
  CHECK(memsnap("stop") == "memsnap: stopped\n");
  CHECK(memsnap.debugger.breakpoints.empty());
  CHECK_FALSE(memsnap.debugger.watching);
  CHECK(memsnap("list") == "Snapshot #1 'before': size=21.0 KiB, count=3, average=7167 B\n");
  CHECK(memsnap("stats") == "before, by lineno\n" + std::string(kRows));
  CHECK(memsnap("stats now") == "memsnap: not tracing; 'memsnap start' starts it");
  CHECK(memsnap("stop") == "memsnap: not tracing; 'memsnap start' starts it");
  CHECK(memsnap.error({"stop"}) == Code::not_tracing);
}

TEST_CASE("stop does not touch a running process", "[unit]") {
  Traced memsnap;
  memsnap.debugger.inferior = InferiorState::running;
  CHECK(memsnap("stop") == "memsnap: the process is running; interrupt it first");
  CHECK_FALSE(memsnap.debugger.breakpoints.empty());
  CHECK(memsnap.session.tracing() == Tracing::yes);
}

TEST_CASE("without a process what needs one says how to get there", "[unit]") {
  Plugin memsnap;
  for (const auto* line : {"take", "stats", "stats now", "diff now", "clear", "reset-peak"}) {
    CAPTURE(line);
    CHECK(memsnap(line) == "memsnap: no process; 'memsnap start' arms tracing for the next run");
  }
  memsnap("start");
  for (const auto* line : {"take", "stats", "clear", "reset-peak"}) {
    CAPTURE(line);
    CHECK(memsnap(line) == "memsnap: no process; tracing is armed and begins with the next run");
  }
  CHECK(memsnap.error({"take"}) == Code::no_process);
}

TEST_CASE("while the process runs nothing of it is read", "[unit]") {
  Traced memsnap;
  memsnap.debugger.inferior = InferiorState::running;
  for (const auto* line : {"take", "stats", "stats now", "clear", "reset-peak", "status", "status --json"}) {
    CAPTURE(line);
    CHECK(memsnap(line) == "memsnap: the process is running; interrupt it first");
  }
  CHECK(memsnap.error({"take"}) == Code::running);
  CHECK(memsnap("list") == "memsnap: no snapshots; 'memsnap take' takes one\n");
}

TEST_CASE("a program without an allocator is told of", "[unit]") {
  Plugin memsnap;
  memsnap("start");
  memsnap.launch();
  memsnap.debugger.mapped = {memsnap.program.program};
  memsnap.session.on_modules_changed();
  CHECK(memsnap("take") ==
        "memsnap: no allocator found in this program; no module of it has malloc or another known entry point");
}

TEST_CASE("after the exit what was live can still be looked at", "[unit]") {
  Traced memsnap;
  memsnap.exit();
  CHECK(memsnap("take end") == "Snapshot #1 'end': size=21.0 KiB, count=3, average=7167 B\n");
  CHECK(memsnap("stats now") == "now, by lineno\n" + std::string(kRows));
  CHECK(memsnap.debugger.breakpoints.empty());
  CHECK(memsnap("stop") == "memsnap: stopped\n");
}

TEST_CASE("the next run begins with nothing, and its snapshots compare with the last run's", "[unit]") {
  Traced memsnap;
  memsnap("take first");
  memsnap.exit();
  CHECK(memsnap.session.tracing() == Tracing::armed);
  memsnap.launch();
  memsnap.allocate(FakeProgram::grow, 1000, 0x5000);
  memsnap("take second");
  CHECK(memsnap("diff") ==
        "first -> second, by lineno\n"
        "#1 program!leak(): size=0 B (-19.5 KiB), count=0 (-1)\n"
        "#2 program!grow(): size=1000 B (-500 B), count=1 (-1), average=1000 B\n"
        "Total: size=1000 B (-20.0 KiB), count=1 (-2)\n");
}

TEST_CASE("after an exec nothing of the old program is live", "[unit]") {
  Traced memsnap;
  memsnap.session.on_modules_changed();
  CHECK(memsnap.session.engine_or_null()->totals()->count == 3);
  memsnap.debugger.instance = "two";
  memsnap.debugger.mapped = {memsnap.program.libc, memsnap.program.program};
  memsnap.session.on_modules_changed();
  CHECK(*memsnap.session.engine_or_null()->totals() == Totals{});
  CHECK(memsnap.debugger.has_breakpoint(FakeProgram::malloc));
  CHECK_FALSE(memsnap.debugger.has_breakpoint(FakeProgram::pool_new));
  CHECK_FALSE(memsnap.debugger.has_breakpoint(FakeProgram::in(FakeProgram::grow)));
}

TEST_CASE("an exec that nothing has told of yet is seen by the next command", "[unit]") {
  Traced memsnap;
  memsnap.debugger.instance = "two";
  memsnap.debugger.mapped = {memsnap.program.program};
  CHECK(memsnap("status").find("\ncount: 0\n") != std::string::npos);
  CHECK(memsnap("stats now") ==
        "memsnap: no allocator found in this program; no module of it has malloc or another known entry point");
}

TEST_CASE("after the exit of a program without an allocator that is what is told", "[unit]") {
  Plugin memsnap;
  memsnap("start");
  memsnap.launch();
  memsnap.debugger.mapped = {memsnap.program.program};
  memsnap.session.on_modules_changed();
  memsnap.exit();
  CHECK(memsnap("take") ==
        "memsnap: no allocator found in this program; no module of it has malloc or another known entry point");
  CHECK(memsnap("status").find("no allocator found") != std::string::npos);
}

TEST_CASE("a process that was attached to after arming is traced from the first command on", "[unit]") {
  Plugin memsnap;
  memsnap("start");
  memsnap.attach();
  CHECK(memsnap("take") == "Snapshot #1 '1': size=0 B, count=0\n");
  CHECK(memsnap.debugger.has_breakpoint(FakeProgram::malloc));
  CHECK(memsnap("stats") ==
        "1, by lineno, since memsnap start (older blocks are not known)\n"
        "Total: size=0 B, count=0\n");
}

TEST_CASE("clear forgets the blocks, and not the snapshots", "[unit]") {
  Traced memsnap;
  memsnap("take before");
  CHECK(memsnap("clear") == "memsnap: cleared\n");
  CHECK(memsnap("stats now") == "now, by lineno\nTotal: size=0 B, count=0\n");
  CHECK(memsnap("stats") == "before, by lineno\n" + std::string(kRows));
  CHECK(memsnap("clear all") == "memsnap: one word too many: 'all'; usage: memsnap clear");
}

TEST_CASE("reset-peak makes the peak what is live", "[unit]") {
  Traced memsnap;
  memsnap.release(0x8000);
  CHECK(memsnap.session.engine_or_null()->totals()->peak == 21500);
  CHECK(memsnap("reset-peak").empty());
  CHECK(memsnap.session.engine_or_null()->totals()->peak == 1500);
}

TEST_CASE("status without tracing has all its fields", "[unit]") {
  Plugin memsnap;
  CHECK(memsnap("status") ==
        "tracing: no\n"
        "engine: -\n"
        "frames: 32\n"
        "size: 0\n"
        "count: 0\n"
        "peak: 0\n"
        "tracebacks: 0\n"
        "allocations: 0\n"
        "frees: 0\n"
        "allocated: 0\n"
        "not_recorded: 0\n"
        "unknown_frees: 0\n"
        "missed_frees: 0\n"
        "faults: 0\n"
        "overhead_process: 0\n"
        "overhead_debugger: 0\n");
  CHECK(memsnap("status --json") ==
        R"({"tracing":"no","engine":null,"frames":32,"size":0,"count":0,"peak":0,"tracebacks":0,"allocations":0,)"
        R"("frees":0,"allocated":0,"not_recorded":0,"not_recorded_reasons":{},"unknown_frees":0,"missed_frees":0,)"
        R"("faults":0,"remark":"","overhead_process":0,"overhead_debugger":0,"domains":{}})"
        "\n");
  memsnap("start");
  CHECK(memsnap("status").starts_with("tracing: armed\nengine: auto\nframes: 32\n"));
}

// The one number that the machine has a part in.
std::string without_overhead(std::string text) {
  const auto begin = text.find("overhead_debugger: ");
  REQUIRE(begin != std::string::npos);
  return text.erase(begin, text.find('\n', begin) + 1 - begin);
}

TEST_CASE("status tells the numbers, the reasons and the entry points", "[unit]") {
  Traced memsnap;
  memsnap.release(0x8000);
  memsnap.release(0x9000);
  memsnap.thread.call(FakeProgram::malloc, 0x66000010, {100});
  memsnap.thread.leave(0x7000);
  CHECK(without_overhead(memsnap("status")) ==
        "tracing: yes\n"
        "engine: breakpoint\n"
        "frames: 16\n"
        "size: 1500\n"
        "count: 2\n"
        "peak: 21500 (21.0 KiB)\n"
        "tracebacks: 1\n"
        "allocations: 3\n"
        "frees: 1\n"
        "allocated: 21500 (21.0 KiB)\n"
        "not_recorded: 1\n"
        "not_recorded: 1 called from code outside every module\n"
        "unknown_frees: 1\n"
        "missed_frees: 0\n"
        "faults: 0\n"
        "overhead_process: 0\n"
        "domains: malloc: aligned_alloc (breakpoint), calloc (breakpoint), free (breakpoint), malloc (breakpoint), "
        "posix_memalign (breakpoint), realloc (breakpoint), reallocarray (breakpoint)\n"
        "domains: new: operator delete(void*) (breakpoint), operator new(unsigned long) (breakpoint)\n");
  CHECK(memsnap("status now") == "memsnap: one word too many: 'now'; usage: memsnap status [--json]");
}

TEST_CASE("status names the module where two have an entry point of one name", "[unit]") {
  Plugin memsnap;
  memsnap("start");
  memsnap.launch();
  memsnap.debugger.mapped = {memsnap.program.pool, FakeProgram::moved(memsnap.program.pool, 0x10000000)};
  memsnap.debugger.mapped[1].module.path = memsnap.program.folder.write("libtwin.so", [&] {
    std::ifstream in(memsnap.program.pool.module.path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }());
  memsnap.session.on_modules_changed();
  const auto text = memsnap("status --json");
  CHECK(text.substr(text.find("\"domains\"")) ==
        R"j("domains":{"new":{"operator delete(void*)":"breakpoint","operator new(unsigned long)":"breakpoint",)j"
        R"j("libtwin.so!operator delete(void*)":"breakpoint","libtwin.so!operator new(unsigned long)":"breakpoint"}}})j"
        "\n");
}

TEST_CASE("take prints the snapshot, by name or number, as text or JSON", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("take before") == "Snapshot #1 'before': size=21.0 KiB, count=3, average=7167 B\n");
  memsnap.release(0x8000);
  CHECK(memsnap("take") == "Snapshot #2 '2': size=1500 B, count=2, average=750 B\n");
  CHECK(memsnap("take --json after") ==
        R"({"id":3,"name":"after","size":1500,"count":2,"tracebacks":1,"peak":21500,"engine":"breakpoint","frames":16})"
        "\n");
}

TEST_CASE("take's errors take nothing", "[unit]") {
  Traced memsnap;
  memsnap("take before");
  CHECK(memsnap("take before") == "memsnap: there is a snapshot 'before' already; 'memsnap delete before' forgets it");
  CHECK(memsnap("take now") ==
        "memsnap: 'now' cannot name a snapshot; numbers, keys, 'now' and 'all' have a meaning of their own");
  CHECK(memsnap.run({"take", ""}) ==
        "memsnap: '' cannot name a snapshot; numbers, keys, 'now' and 'all' have a meaning of their own");
  CHECK(memsnap("take a b") == "memsnap: one word too many: 'b'; usage: memsnap take [NAME] [--json]");
  CHECK(memsnap("take --jason") == "memsnap: no option '--jason'; usage: memsnap take [NAME] [--json]");
  CHECK(memsnap.session.snapshots().next_id() == 2);
}

TEST_CASE("take says that a name is wrong before it says that there is no process", "[unit]") {
  Plugin memsnap;
  CHECK(memsnap("take 5") ==
        "memsnap: '5' cannot name a snapshot; numbers, keys, 'now' and 'all' have a meaning of their own");
}

TEST_CASE("list prints a line for each snapshot, oldest first", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("list") == "memsnap: no snapshots; 'memsnap take' takes one\n");
  CHECK(memsnap("list --json") == "[]\n");
  memsnap("take before");
  memsnap.release(0x8000);
  memsnap("take");
  CHECK(memsnap("list") ==
        "Snapshot #1 'before': size=21.0 KiB, count=3, average=7167 B\n"
        "Snapshot #2 '2': size=1500 B, count=2, average=750 B\n");
  CHECK(
      memsnap("list --json") ==
      R"([{"id":1,"name":"before","size":21500,"count":3,"tracebacks":2,"peak":21500,"engine":"breakpoint","frames":16}, )"
      R"({"id":2,"name":"2","size":1500,"count":2,"tracebacks":1,"peak":21500,"engine":"breakpoint","frames":16}])"
      "\n");
  CHECK(memsnap("list all") == "memsnap: one word too many: 'all'; usage: memsnap list [--json]");
}

TEST_CASE("delete forgets one snapshot, or all", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("delete x") == "memsnap: no snapshot 'x'; there are none, 'memsnap take' takes one");
  for (const auto* name : {"a", "b", "c"}) {
    memsnap.run({"take", name});
  }
  CHECK(memsnap("delete") == "memsnap: which snapshot?; usage: memsnap delete SNAP|all");
  CHECK(memsnap("delete d") == "memsnap: no snapshot 'd'; there are: a, b, c");
  CHECK(memsnap("delete a b") == "memsnap: one word too many: 'b'; usage: memsnap delete SNAP|all");
  CHECK(memsnap("delete 1").empty());
  CHECK(memsnap("delete c").empty());
  CHECK(memsnap("list") == "Snapshot #2 'b': size=21.0 KiB, count=3, average=7167 B\n");
  CHECK(memsnap("delete all").empty());
  CHECK(memsnap("delete all").empty());
  CHECK(memsnap("list --json") == "[]\n");
}

TEST_CASE("stats ranks the latest snapshot, one that is named, or now", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("stats") == "now, by lineno\n" + std::string(kRows));
  memsnap("take before");
  memsnap.release(0x8000);
  memsnap("take after");
  const std::string after =
      ", by lineno\n#1 program!grow(): size=1500 B, count=2, average=750 B\nTotal: size=1500 B, count=2\n";
  CHECK(memsnap("stats") == "after" + after);
  CHECK(memsnap("stats now") == "now" + after);
  CHECK(memsnap("stats before") == "before, by lineno\n" + std::string(kRows));
  CHECK(memsnap("stats 1") == "before, by lineno\n" + std::string(kRows));
  CHECK(memsnap("stats lineno 1") == "before, by lineno\n" + std::string(kRows));
}

TEST_CASE("stats ranks by each key", "[unit]") {
  Traced memsnap;
  memsnap.thread.call(FakeProgram::pool_new, FakeProgram::in(FakeProgram::main), {4});
  memsnap.thread.leave(0x9000);
  CHECK(memsnap("stats function") ==
        "now, by function\n"
        "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
        "#2 program!grow(): size=1500 B, count=2, average=750 B\n"
        "#3 program!main: size=4 B, count=1, average=4 B\n"
        "Total: size=21.0 KiB, count=4\n");
  CHECK(memsnap("stats module") ==
        "now, by module\n"
        "#1 program: size=21.0 KiB, count=4, average=5376 B\n"
        "Total: size=21.0 KiB, count=4\n");
  CHECK(memsnap("stats domain now") ==
        "now, by domain\n"
        "#1 malloc: size=21.0 KiB, count=3, average=7167 B\n"
        "#2 new: size=4 B, count=1, average=4 B\n"
        "Total: size=21.0 KiB, count=4\n");
  CHECK(memsnap("stats thread") ==
        "now, by thread\n"
        "#1 thread 1 (main): size=21.0 KiB, count=4, average=5376 B\n"
        "Total: size=21.0 KiB, count=4\n");
  CHECK(memsnap("stats traceback --limit 1") ==
        "now, by traceback\n"
        "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
        "  Module \"program\", in leak()+0x10\n"
        "  ... 1 library frame\n"
        "... and 2 more rows\n"
        "Total: size=21.0 KiB, count=4\n");
  CHECK(memsnap("stats traceback --limit=1 --all") ==
        "now, by traceback\n"
        "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
        "  Module \"program\", in leak()+0x10\n"
        "  Module \"program\", in main+0x10\n"
        "... and 2 more rows\n"
        "Total: size=21.0 KiB, count=4\n");
}

TEST_CASE("stats --cumulative charges every frame", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("stats --cumulative function") ==
        "now, by function, cumulative\n"
        "#1 program!main: size=21.0 KiB, count=3, average=7167 B\n"
        "#2 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
        "#3 program!grow(): size=1500 B, count=2, average=750 B\n"
        "Total: size=21.0 KiB, count=3\n");
  CHECK(memsnap("stats thread --cumulative") ==
        "memsnap: --cumulative goes with lineno, filename, function and module");
}

TEST_CASE("stats --limit cuts the rows, and 0 shows all", "[unit]") {
  Traced memsnap;
  for (std::uint64_t i = 0; i < 10; ++i) {
    memsnap.thread.call(FakeProgram::malloc, 0x66000000, {1});  // not recorded
    memsnap.thread.leave(0);
    memsnap.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::roomy), {1});
    memsnap.thread.leave(0x10000 + i);
  }
  CHECK(memsnap("stats --limit 1") ==
        "now, by lineno\n"
        "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
        "... and 2 more rows\n"
        "Total: size=21.0 KiB, count=13\n");
  CHECK(memsnap("stats --limit 2").find("... and 1 more row\n") != std::string::npos);
  CHECK(memsnap("stats --limit 0") == memsnap("stats"));
}

TEST_CASE("stats --json is one line with the whole of it", "[unit]") {
  Traced memsnap;
  const auto path = memsnap.program.program.module.path;
  CHECK(
      memsnap("stats --json --limit 1") ==
      R"j({"snapshot":"now","key":"lineno","cumulative":false,"rows":[{"rank":1,"name":"program!leak()","file":null,)j"
      R"j("line":null,"function":"leak()","module":")j" +
          path +
          R"j(","size":20000,"count":1,"traceback":null}],"total":{"size":21500,"count":3},"rows_total":2})j"
          "\n");
}

TEST_CASE("a word that is no key and no snapshot is told what it looks like", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("stats lineo") ==
        "memsnap: 'lineo' is no key; keys are lineno, filename, function, traceback, module, domain, thread, type");
  CHECK(memsnap.error({"stats", "lineo"}) == Code::usage);
  CHECK(memsnap("diff lineo") ==
        "memsnap: 'lineo' is no key; keys are lineno, filename, function, traceback, module, domain, thread, type");
  memsnap("take before");
  memsnap("take after");
  CHECK(memsnap("stats befor") == "memsnap: no snapshot 'befor'; there are: before, after");
  CHECK(memsnap.error({"stats", "befor"}) == Code::not_found);
  CHECK(memsnap("stats lineno befor") == "memsnap: no snapshot 'befor'; there are: before, after");
  CHECK(memsnap("diff befor") == "memsnap: no snapshot 'befor'; there are: before, after");
  CHECK(memsnap("diff before aftr") == "memsnap: no snapshot 'aftr'; there are: before, after");
  // As far from a key as from having been a name.
  CHECK(memsnap("stats ty") ==
        "memsnap: 'ty' is no key; keys are lineno, filename, function, traceback, module, domain, thread, type");
  CHECK(memsnap("stats functoin") ==
        "memsnap: 'functoin' is no key; keys are lineno, filename, function, traceback, module, domain, thread, type");
}

TEST_CASE("stats' and diff's other errors give the usage", "[unit]") {
  Traced memsnap;
  memsnap("take before");
  const std::string usage = "; usage: memsnap stats [KEY] [SNAP] [--cumulative] [--limit N] [--all] [--json]";
  CHECK(memsnap("stats before now") == "memsnap: one word too many: 'now'" + usage);
  CHECK(memsnap("stats lineno before now") == "memsnap: one word too many: 'now'" + usage);
  CHECK(memsnap("stats --limit x") == "memsnap: 'x' is no number for --limit" + usage);
  CHECK(memsnap("stats --limit") == "memsnap: --limit wants a value" + usage);
  CHECK(memsnap("stats -x") == "memsnap: no option '-x'" + usage);
  CHECK(memsnap("diff before now before") ==
        "memsnap: one word too many: 'before'; usage: memsnap diff [KEY] [OLD [NEW]] [--limit N] [--all] [--json]");
  CHECK(memsnap("stats type --cumulative") == "memsnap: --cumulative goes with lineno, filename, function and module");
  CHECK_FALSE(memsnap.session.last_table().has_value());
}

TEST_CASE("A program without debug information has blocks of unknown types", "[unit]") {
  Traced memsnap;
  const std::string rows = "#1 <unknown>: size=21.0 KiB, count=3, average=7167 B\nTotal: size=21.0 KiB, count=3\n";
  CHECK(memsnap("stats type now") == "now, by type\n" + rows);
  memsnap("take before");
  CHECK(memsnap("stats type") == "before, by type\n" + rows);
  memsnap.allocate(FakeProgram::leak, 100, 0x20000);
  CHECK(memsnap("diff type") ==
        "before -> now, by type\n"
        "#1 <unknown>: size=21.1 KiB (+100 B), count=4 (+1), average=5400 B\n"
        "Total: size=21.1 KiB (+100 B), count=4 (+1)\n");
}

TEST_CASE("Ctrl-C ends a table", "[unit]") {
  Traced memsnap;
  memsnap("take before");
  memsnap.debugger.ctrl_c = true;
  CHECK(memsnap("stats") == "memsnap: interrupted");
  CHECK(memsnap("diff before now") == "memsnap: interrupted");
  CHECK(memsnap.error({"stats"}) == Code::interrupted);
  CHECK(memsnap.debugger.progress.empty());
}

TEST_CASE("diff compares the last two snapshots, or what it is told", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("diff") == "memsnap: no snapshots to compare; 'memsnap take' takes one");
  memsnap("take one");
  memsnap.allocate(FakeProgram::grow, 40, 0x9000);
  const auto grown = [](const std::string& header) {
    return header +
           ", by lineno\n"
           "#1 program!grow(): size=1540 B (+40 B), count=3 (+1), average=513 B\n"
           "Total: size=21.0 KiB (+40 B), count=4 (+1)\n";
  };
  CHECK(memsnap("diff") == grown("one -> now"));
  CHECK(memsnap("diff one") == grown("one -> now"));
  memsnap("take two");
  CHECK(memsnap("diff") == grown("one -> two"));
  CHECK(memsnap("diff one") == grown("one -> two"));
  memsnap.release(0x8000);
  const std::string shrunk =
      "#1 program!leak(): size=0 B (-19.5 KiB), count=0 (-1)\n"
      "Total: size=1540 B (-19.5 KiB), count=3 (-1)\n";
  CHECK(memsnap("diff two") == "two -> now, by lineno\n" + shrunk);
  memsnap("take three");
  CHECK(memsnap("diff") == "two -> three, by lineno\n" + shrunk);
  CHECK(memsnap("diff 1 2") == grown("one -> two"));
  CHECK(memsnap("diff two one") ==
        "two -> one, by lineno\n"
        "#1 program!grow(): size=1500 B (-40 B), count=2 (-1), average=750 B\n"
        "Total: size=21.0 KiB (-40 B), count=3 (-1)\n");
  CHECK(memsnap("diff domain two three") ==
        "two -> three, by domain\n"
        "#1 malloc: size=1540 B (-19.5 KiB), count=3 (-1), average=513 B\n"
        "Total: size=1540 B (-19.5 KiB), count=3 (-1)\n");
}

TEST_CASE("diff --json has both snapshots and the differences", "[unit]") {
  Traced memsnap;
  memsnap("take one");
  memsnap.release(0x8000);
  CHECK(memsnap("diff one now module --json") ==
        "memsnap: one word too many: 'module'; usage: memsnap diff [KEY] [OLD [NEW]] [--limit N] [--all] [--json]");
  CHECK(memsnap("diff domain one now --json") ==
        R"({"old":"one","new":"now","key":"domain","cumulative":false,"rows":[{"rank":1,"name":"malloc","file":null,)"
        R"("line":null,"function":null,"module":null,"size":1500,"count":2,"size_diff":-20000,"count_diff":-1,)"
        R"("traceback":null}],"total":{"size":1500,"count":2,"size_diff":-20000,"count_diff":-1},"rows_total":1})"
        "\n");
}

TEST_CASE("traceback prints the largest traceback behind a row of the last table", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("traceback") == "memsnap: no table yet; 'memsnap stats' or 'memsnap diff' prints one");
  memsnap("stats");
  const std::string leak =
      "#1 program!leak(): size=19.5 KiB, count=1, average=19.5 KiB\n"
      "  Module \"program\", in leak()+0x10\n";
  CHECK(memsnap("traceback") == leak + "  ... 1 library frame\n");
  CHECK(memsnap("traceback 1") == leak + "  ... 1 library frame\n");
  CHECK(memsnap("traceback --all") == leak + "  Module \"program\", in main+0x10\n");
  CHECK(memsnap("traceback 2") ==
        "#2 program!grow(): size=1500 B, count=2, average=750 B\n"
        "  Module \"program\", in grow()+0x10\n"
        "  ... 1 library frame\n");
  const auto path = memsnap.program.program.module.path;
  CHECK(
      memsnap("traceback 1 --json") ==
      R"j({"rank":1,"name":"program!leak()","file":null,"line":null,"function":"leak()","module":")j" + path +
          R"j(","size":20000,"count":1,"traceback":[{"file":null,"line":null,"function":"leak()","module":")j" + path +
          R"j(","offset":4624,"inlined":false,"hidden":true},{"file":null,"line":null,"function":"main","module":")j" +
          path + R"j(","offset":4112,"inlined":false,"hidden":true}]})j" + "\n");
}

TEST_CASE("traceback's errors name the rows there are", "[unit]") {
  Traced memsnap;
  memsnap("stats");
  for (const std::string word : {"0", "x", "1.5", "#1"}) {
    CHECK(memsnap.run({"traceback", word}) == "memsnap: '" + word + "' is no row's number; rows are numbered from 1");
  }
  CHECK(memsnap("traceback 3") == "memsnap: no row 3; the last table has 2 rows");
  CHECK(memsnap("traceback 1 2") ==
        "memsnap: one word too many: '2'; usage: memsnap traceback [RANK] [--all] [--json]");
  memsnap("stats domain");
  CHECK(memsnap("traceback 2") == "memsnap: no row 2; the last table has 1 row");
  memsnap("clear");
  memsnap("stats now");
  CHECK(memsnap("traceback") == "memsnap: no row 1; the last table has 0 rows");
}

TEST_CASE("filters choose what tables show", "[unit]") {
  Traced memsnap;
  CHECK(memsnap("filter") == "memsnap: no filters; every block is shown\n");
  CHECK(memsnap("filter exclude program!leak*").empty());
  CHECK(memsnap("stats") ==
        "now, by lineno\n#1 program!grow(): size=1500 B, count=2, average=750 B\nTotal: size=1500 B, count=2\n");
  CHECK(memsnap("filter include *main* --all-frames").empty());
  CHECK(memsnap("filter include a.cpp:12").empty());
  CHECK(memsnap("filter exclude a::b").empty());
  CHECK(memsnap("filter exclude b.cpp:0").empty());
  CHECK(memsnap("filter list") ==
        "exclude program!leak*\n"
        "include *main* --all-frames\n"
        "include a.cpp:12\n"
        "exclude a::b\n"
        "exclude b.cpp:0\n");
  CHECK(memsnap.session.filters()[2].pattern == "a.cpp");
  CHECK(memsnap.session.filters()[2].line == 12);
  CHECK(memsnap("stats").find("program!grow()") != std::string::npos);
  CHECK(memsnap("filter clear").empty());
  CHECK(memsnap("stats") == "now, by lineno\n" + std::string(kRows));
}

TEST_CASE("filter's errors add nothing", "[unit]") {
  Plugin memsnap;
  const std::string usage = "; usage: memsnap filter include|exclude PATTERN[:LINE] [--all-frames] | list | clear";
  CHECK(memsnap("filter include") == "memsnap: which pattern?" + usage);
  CHECK(memsnap.run({"filter", "exclude", ""}) == "memsnap: which pattern?" + usage);
  CHECK(memsnap("filter only x") == "memsnap: no 'filter only'" + usage);
  CHECK(memsnap("filter include a b") == "memsnap: one word too many: 'b'" + usage);
  CHECK(memsnap("filter list x") == "memsnap: one word too many: 'x'" + usage);
  CHECK(memsnap("filter list") == "memsnap: no filters; every block is shown\n");
}

TEST_CASE("hide rules can be added, deleted, listed and reset", "[unit]") {
  Plugin memsnap;
  const auto defaults = memsnap("hide list");
  CHECK(defaults.starts_with("operator new*\noperator delete*\n"));
  CHECK(defaults.ends_with("librt-2.*.so\n(frames without a source line)\n"));
  CHECK(memsnap("hide") == defaults);
  CHECK(memsnap("hide add */pool.cpp").empty());
  auto expected = defaults;
  expected.insert(expected.find("(frames"), "*/pool.cpp\n");
  CHECK(memsnap("hide list") == expected);
  CHECK(memsnap("hide delete malloc").empty());
  CHECK(memsnap("hide list").find("\nmalloc\n") == std::string::npos);
  CHECK(memsnap("hide reset").empty());
  CHECK(memsnap("hide list") == defaults);
}

TEST_CASE("hide's errors change nothing", "[unit]") {
  Plugin memsnap;
  const auto before = memsnap("hide list");
  const auto rules = std::to_string(std::ranges::count(before, '\n') - 1);
  const std::string usage = "; usage: memsnap hide add PATTERN | delete PATTERN | list | reset";
  CHECK(memsnap("hide add") == "memsnap: which pattern?" + usage);
  CHECK(memsnap("hide delete") == "memsnap: which pattern?" + usage);
  CHECK(memsnap("hide remove x") == "memsnap: no 'hide remove'" + usage);
  CHECK(memsnap("hide list x") == "memsnap: one word too many: 'x'" + usage);
  CHECK(memsnap("hide add a b") == "memsnap: one word too many: 'b'" + usage);
  CHECK(memsnap("hide add malloc") == "memsnap: 'malloc' is a hide rule already");
  CHECK(memsnap("hide delete x.cpp") ==
        "memsnap: no hide rule 'x.cpp'; 'memsnap hide list' shows the " + rules + " there are");
  CHECK(memsnap.run({"hide", "add", ""}) ==
        "memsnap: an empty pattern hides nothing; give a glob on a file's path, a module or a function");
  CHECK(memsnap("hide list") == before);
}

TEST_CASE("help lists the commands, and explains each", "[unit]") {
  Plugin memsnap;
  CHECK(memsnap("help") ==
        "Snapshots of native memory: which line allocated what is still there.\n"
        "\n"
        "memsnap start       Start tracing allocations.\n"
        "memsnap stop        Stop tracing, and leave the process as it was.\n"
        "memsnap status      Show what is traced, and what tracing costs.\n"
        "memsnap clear       Forget every block recorded so far.\n"
        "memsnap reset-peak  Make the peak what is live now.\n"
        "memsnap take        Take a snapshot of what is live now.\n"
        "memsnap list        List the snapshots.\n"
        "memsnap delete      Forget a snapshot, or all of them.\n"
        "memsnap stats       Rank what is live in a snapshot by where it was allocated.\n"
        "memsnap diff        Rank what changed between two snapshots.\n"
        "memsnap traceback   Print the largest traceback behind a row of the last table.\n"
        "memsnap block       Show what is known of the block that an address is in.\n"
        "memsnap blocks      List live blocks by address.\n"
        "memsnap leaks       List the blocks that nothing reachable points to.\n"
        "memsnap refs        Show who holds a pointer into the block at an address.\n"
        "memsnap around      Show what one call of a function changes, or what each of several does.\n"
        "memsnap faults      Show what the allocator was asked that makes no sense.\n"
        "memsnap filter      Choose which blocks tables show, by the file they come from.\n"
        "memsnap hide        Choose which frames are never a call site.\n"
        "memsnap allocator   List the functions that are traced, or add a pool of your own.\n"
        "memsnap limit       Stop the program where what is live passes a size.\n"
        "memsnap check       Fail where memory grew between two snapshots.\n"
        "memsnap save        Save a snapshot to a file, for another session or for pprof.\n"
        "memsnap load        Load a snapshot that was saved.\n"
        "memsnap export      Write a snapshot, or what changed between two, for other programs.\n"
        "memsnap help        Explain a command, or list them all.\n"
        "\n"
        "Type 'memsnap help COMMAND' for its arguments.\n"
        "In the debugger's Python, 'import memsnap' gives tracemalloc's interface.\n");
  CHECK(memsnap.run({}) == memsnap("help"));
  CHECK(memsnap("help take") ==
        "Take a snapshot of what is live now.\n"
        "Usage: memsnap take [NAME] [--json]\n"
        "\n"
        "Without a name it is called by its number.\n");
  CHECK(memsnap("help reset-peak") == "Make the peak what is live now.\nUsage: memsnap reset-peak\n");
  for (const auto& command : command_table()) {
    CHECK(memsnap("help " + std::string(command.name)) == help_text(command));
    CHECK((command.help.empty() || command.help.ends_with('\n')));
  }
}

TEST_CASE("a wrong command name is an error that names the commands", "[unit]") {
  Plugin memsnap;
  const std::string commands =
      " is no command; commands are start, stop, status, clear, reset-peak, take, list, delete, stats, diff, "
      "traceback, block, blocks, leaks, refs, around, faults, filter, hide, allocator, limit, check, save, load, "
      "export, help";
  CHECK(memsnap("snapshot") == "memsnap: 'snapshot'" + commands);
  CHECK(memsnap("help snapshot") == "memsnap: 'snapshot'" + commands);
  CHECK(memsnap("sta") == "memsnap: 'sta'" + commands);
  CHECK(memsnap.run({""}) == "memsnap: ''" + commands);
  CHECK(memsnap("help take list") == "memsnap: one word too many: 'list'; usage: memsnap help [COMMAND]");
}

TEST_CASE("a word with blanks in it is one word", "[unit]") {
  Traced memsnap;
  CHECK(memsnap.run({"take", "before the loop"}) ==
        "Snapshot #1 'before the loop': size=21.0 KiB, count=3, average=7167 B\n");
  CHECK(memsnap.run({"filter", "exclude", "*operator new(unsigned long)"}).empty());
  CHECK(memsnap("filter list") == "exclude *operator new(unsigned long)\n");
}

TEST_CASE("what is saved is loaded in a session without a program, and reads the same", "[unit]") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("after.pb.gz", "");
  Traced memsnap;
  memsnap("take before");
  memsnap.allocate(FakeProgram::leak, 30000, 0x9000);
  const auto taken = memsnap("take after");
  CHECK(memsnap("save " + file).starts_with("memsnap: saved 'after' to " + file + ", "));
  CHECK(memsnap("save " + file + "2 1").starts_with("memsnap: saved 'before' to "));
  CHECK(memsnap("save " + file + "3 now").starts_with("memsnap: saved 'now' to "));
  Plugin other;
  CHECK(other("load " + file + "2").starts_with("Snapshot #1 'before': size=21.0 KiB, count=3"));
  CHECK(other("load " + file) == taken);
  CHECK(other("list") == memsnap("list"));
  CHECK(other("list --json") == memsnap("list --json"));
  for (const std::string words : {"stats", "stats traceback --all", "stats thread --json", "diff before after"}) {
    CHECK(other(words) == memsnap(words));
    CHECK(other("traceback 1 --all") == memsnap("traceback 1 --all"));
  }
  // `now` is none there, so it is called by its number, as a snapshot that never had a name.
  CHECK(other("load " + file + "3").starts_with("Snapshot #3 '3': size=50.3 KiB"));
  CHECK(other("load " + file + " again").starts_with("Snapshot #4 'again': size=50.3 KiB"));
  CHECK(other("diff traceback after again") ==
        "after -> again, by traceback\nTotal: size=50.3 KiB (+0 B), count=4 (+0)\n");
  CHECK(other("delete after").empty());
  CHECK(other("load " + file).starts_with("Snapshot #5 'after'"));
}

TEST_CASE("save and load say what is wrong, and nothing is changed", "[unit]") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("after.pb.gz", "no profile");
  Plugin memsnap;
  CHECK(memsnap("save") == "memsnap: which file?; usage: memsnap save FILE [SNAP]");
  CHECK(memsnap("load") == "memsnap: which file?; usage: memsnap load FILE [NAME]");
  CHECK(memsnap("save a b c") == "memsnap: one word too many: 'c'; usage: memsnap save FILE [SNAP]");
  CHECK(memsnap("save " + file) == "memsnap: no process; 'memsnap start' arms tracing for the next run");
  CHECK(memsnap("save " + file + " befor") == "memsnap: no snapshot 'befor'; there are none, 'memsnap take' takes one");
  CHECK(memsnap("load " + file) == "memsnap: cannot load '" + file + "': no gzipped pprof profile");
  CHECK(memsnap("load " + file + " lineno").starts_with("memsnap: 'lineno' cannot name a snapshot; "));
  CHECK(memsnap("load " + file + "2") == "memsnap: cannot read '" + file + "2': No such file or directory");
  Traced traced;
  traced("take after");
  REQUIRE(traced("save " + file).starts_with("memsnap: saved 'after'"));
  CHECK(traced("load " + file) ==
        "memsnap: there is a snapshot 'after' already; 'memsnap delete after' forgets it, and 'memsnap load FILE NAME' "
        "gives this one another name");
  CHECK(traced("load " + file + " after") ==
        "memsnap: there is a snapshot 'after' already; 'memsnap delete after' forgets it");
  CHECK(traced.session.snapshots().all().size() == 1);
  CHECK(traced("save " + file + "/x").ends_with("': Not a directory"));
}

TEST_CASE("a snapshot or a difference is exported by the file's ending", "[unit]") {
  const test::TemporaryFolder folder;
  const auto stem = folder.write("out", "");
  const auto read = [](const std::string& file) { return read_file(file, 1U << 20).value(); };
  Traced memsnap;
  memsnap("take before");
  memsnap.allocate(FakeProgram::leak, 30000, 0x9000);
  memsnap.release(0x8000);
  memsnap("take after");
  const auto said = memsnap("export " + stem + ".folded");
  CHECK(said ==
        "memsnap: exported 'after' to " + stem + ".folded, " + format_size(read(stem + ".folded").size()) + "\n");
  CHECK(read(stem + ".folded").ends_with("program!leak() 30000\n"));
  CHECK(memsnap("export " + stem + ".folded before").starts_with("memsnap: exported 'before' to "));
  CHECK(read(stem + ".folded").ends_with("program!leak() 20000\n"));
  CHECK(memsnap("export " + stem + ".folded before now").starts_with("memsnap: exported 'before' -> 'now' to "));
  CHECK(read(stem + ".folded").ends_with("program!leak() 20000 30000\n"));
  for (const std::string ending : {".pb.gz", ".speedscope.json", ".json", ".html"}) {
    CAPTURE(ending);
    CHECK(memsnap("export " + stem + ending).starts_with("memsnap: exported 'after' to "));
    const auto whole = read(stem + ending);
    CHECK(
        memsnap("export " + stem + ending + " before after").starts_with("memsnap: exported 'before' -> 'after' to "));
    CHECK(read(stem + ending) != whole);
    // A loaded snapshot is exported likewise.
    memsnap("save " + stem + ".pb.gz after");
    Plugin other;
    CHECK(other("load " + stem + ".pb.gz").starts_with("Snapshot #1 'after'"));
    CHECK(other("export " + stem + ending).starts_with("memsnap: exported 'after' to "));
    CHECK(read(stem + ending) == whole);
  }
}

TEST_CASE("export says what is wrong, and writes nothing", "[unit]") {
  const test::TemporaryFolder folder;
  const auto stem = folder.write("out", "");
  constexpr std::string_view kEndings =
      "' what to write; a file's name ends in one of .pb.gz, .folded, .speedscope.json, .json, .html";
  Traced memsnap;
  memsnap("take before");
  CHECK(memsnap("export") == "memsnap: which file?; usage: memsnap export FILE [SNAP | OLD NEW]");
  for (const std::string name : {"out", "out.txt", "out.HTML", "out.html/", ".html", "html", "out.pb"}) {
    CHECK(memsnap("export " + name) == "memsnap: cannot tell from '" + name + std::string(kEndings));
  }
  CHECK(memsnap("export a.html befor") == "memsnap: no snapshot 'befor'; there are: before");
  CHECK(memsnap("export a.html before aftr") == "memsnap: no snapshot 'aftr'; there are: before");
  CHECK(memsnap("export a.html before now x") ==
        "memsnap: one word too many: 'x'; usage: memsnap export FILE [SNAP | OLD NEW]");
  CHECK(memsnap("export " + stem + "/x.json") == "memsnap: cannot write '" + stem + "/x.json': Not a directory");
  Plugin other;
  CHECK(other("export a.json") == "memsnap: no process; 'memsnap start' arms tracing for the next run");
}

TEST_CASE("words are completed by what may come there", "[unit]") {
  Traced memsnap;
  memsnap("take before");
  memsnap("take");
  const auto completed = [&](const List& words) { return complete_command(memsnap.session, words); };
  CHECK(completed({}).empty());
  CHECK(completed({"st"}) == List{"start", "stop", "status", "stats"});
  CHECK(completed({""}).size() == command_table().size());
  CHECK(completed({"x"}).empty());
  CHECK(completed({"stats", ""}) == List{"lineno", "filename", "function", "traceback", "module", "domain", "thread",
                                         "type", "before", "2", "now", "--limit", "--json", "--all", "--cumulative"});
  CHECK(completed({"stats", "f"}) == List{"filename", "function"});
  CHECK(completed({"stats", "lineno", ""}) == List{"before", "2", "now", "--limit", "--json", "--all", "--cumulative"});
  CHECK(completed({"diff", "lineno", "b"}) == List{"before"});
  CHECK(completed({"diff", "lineno", "before", "n"}) == List{"now"});
  CHECK(completed({"save", ""}).empty());
  CHECK(completed({"save", "x.pb.gz", "b"}) == List{"before"});
  CHECK(completed({"export", ""}).empty());
  CHECK(completed({"export", "x.html", "before", ""}) == List{"before", "2", "now"});
  CHECK(completed({"delete", "b"}) == List{"before"});
  CHECK(completed({"delete", "a"}) == List{"all"});
  CHECK(completed({"start", ""}) == List{"--engine", "--history"});
  CHECK(completed({"start", "--engine", ""}) == List{"auto", "breakpoint", "recorder"});
  CHECK(completed({"hide", ""}) == List{"add", "delete", "list", "reset"});
  CHECK(completed({"hide", "delete", "libst"}) == List{"libstdc++.so*"});
  CHECK(completed({"hide", "add", ""}).empty());
  CHECK(completed({"filter", "e"}) == List{"exclude"});
  CHECK(completed({"filter", "include", "-"}) == List{"--all-frames"});
  CHECK(completed({"help", "t"}) == List{"take", "traceback"});
  CHECK(completed({"help", "take", ""}).empty());
  CHECK(completed({"take", "-"}) == List{"--json"});
  CHECK(completed({"traceback", ""}) == List{"--all", "--json"});
  CHECK(completed({"stop", ""}).empty());
  CHECK(completed({"no-command", ""}).empty());
}

}  // namespace
}  // namespace memsnap
