#include "plugin/breakpoint_engine.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "tests/catch.h"
#include "tests/unit/fake_debugger.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

using test::FakeDebugger;
using test::FakeProgram;
using test::FakeThread;

constexpr std::uint64_t kOverflow = std::uint64_t{1} << 63;

// The fake program with an engine at it, and a thread that is in main.
struct Run {
  explicit Run(const BreakpointSettings& settings = {}) : engine(debugger, recording, entry_points, tables, settings) {
    debugger.on_breakpoint = [this](Address address, StoppedThread& which) {
      engine.breakpoint_hit(address, which);
      return AfterHit::go_on;
    };
    debugger.mapped = program.all();
    REQUIRE(load().has_value());
  }

  // What a session does when modules came or went.
  Result<void> load() {
    std::vector<LoadedModule> loaded;
    for (const auto& mapped : debugger.mapped) {
      loaded.push_back({recording.modules.intern(mapped.module), mapped.bias, mapped.segments});
    }
    return engine.modules_changed(ModuleMap(std::move(loaded)));
  }

  // A whole call from `grow`.
  void allocate(std::uint64_t size, std::uint64_t block) {
    thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {size});
    thread.leave(block);
  }
  void release(std::uint64_t block) {
    thread.call(FakeProgram::free, FakeProgram::in(FakeProgram::grow, 0x20), {block});
    thread.leave(0);
  }

  Totals totals() { return *engine.totals(); }
  // The live blocks of each origin, as `size domain thread: address address...` with the return addresses.
  std::vector<std::string> live() {
    std::vector<std::string> lines;
    const auto now = engine.now();
    for (const auto& count : now->counts) {
      auto line = std::to_string(count.size) + " " +
                  recording.domains.names().at(static_cast<std::size_t>(count.origin.domain)) + " " +
                  recording.threads.names().at(static_cast<std::size_t>(count.origin.thread)) + ":";
      for (const auto& frame : recording.tracebacks.get(count.origin.traceback).frames) {
        const bool is_known = frame.pc.module != ModuleId::none;
        const auto module = is_known ? recording.modules.get(frame.pc.module).path : "?";
        line += " " + std::string(base_name(module)) + "+" + std::to_string(frame.pc.offset - (is_known ? 0x1000 : 0));
      }
      lines.push_back(line);
    }
    std::ranges::sort(lines);
    return lines;
  }

  FakeDebugger debugger;
  FakeProgram program;
  Recording recording;
  EntryPoints entry_points{recording.modules};
  UnwindTables tables{recording.modules};
  BreakpointEngine engine;
  FakeThread thread{debugger, 1, "main"};
};

using Lines = std::vector<std::string>;

TEST_CASE("a breakpoint is set at each entry point and nowhere else", "[unit]") {
  const Run run;
  CHECK(run.debugger.breakpoint_addresses() ==
        std::vector<std::uint64_t>{FakeProgram::malloc, FakeProgram::free, FakeProgram::calloc, FakeProgram::realloc,
                                   FakeProgram::reallocarray, FakeProgram::posix_memalign, FakeProgram::aligned_alloc,
                                   FakeProgram::pool_new, FakeProgram::pool_delete});
}

TEST_CASE("modules that stay get no second breakpoint", "[unit]") {
  Run run;
  run.allocate(10, 0x5000);
  const auto before = run.debugger.breakpoints;
  REQUIRE(run.load().has_value());
  CHECK(run.debugger.breakpoints == before);
}

TEST_CASE("an engine reports its entry points by domain, module and name", "[unit]") {
  Run run;
  const auto report = run.engine.report();
  Lines lines;
  for (const auto& entry : report.entry_points) {
    lines.push_back(entry.domain + " " + entry.module + " " + entry.name + " " + std::string(entry.how));
  }
  CHECK(lines == Lines{"malloc libc.so.6 aligned_alloc breakpoint", "malloc libc.so.6 calloc breakpoint",
                       "malloc libc.so.6 free breakpoint", "malloc libc.so.6 malloc breakpoint",
                       "malloc libc.so.6 posix_memalign breakpoint", "malloc libc.so.6 realloc breakpoint",
                       "malloc libc.so.6 reallocarray breakpoint", "new libpool.so operator delete(void*) breakpoint",
                       "new libpool.so operator new(unsigned long) breakpoint"});
  CHECK(report.not_recorded.empty());
  CHECK(report.overhead_process == 0);
  run.allocate(10, 0x5000);
  CHECK(run.engine.report().overhead_debugger > report.overhead_debugger);
}

TEST_CASE("a malloc is recorded when it returns, with its caller's traceback", "[unit]") {
  Run run;
  run.thread.push(FakeProgram::in(FakeProgram::main));
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {100});
  CHECK(run.totals() == Totals{});
  CHECK(run.debugger.has_breakpoint(FakeProgram::in(FakeProgram::grow)));
  run.thread.leave(0x5000);
  CHECK(run.totals() == Totals{.size = 100, .count = 1, .peak = 100, .allocations = 1, .allocated = 100});
  // 0x110 and 0x10 from the start of the code.
  CHECK(run.live() == Lines{"100 malloc thread 1 (main): program+272 program+16"});
  CHECK(run.thread.unwinds == 0);
  const auto now = *run.engine.now();
  CHECK(now.engine == "breakpoint");
  CHECK(now.frames == 32);
}

TEST_CASE("a malloc that fails gave no block", "[unit]") {
  Run run;
  run.allocate(100, 0);
  CHECK(run.totals() == Totals{});
}

TEST_CASE("a block of no bytes is a block", "[unit]") {
  Run run;
  run.allocate(0, 0x5000);
  CHECK(run.totals() == Totals{.count = 1, .allocations = 1});
}

TEST_CASE("a freed block is gone when free is entered", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::free, FakeProgram::in(FakeProgram::leak), {0x5000});
  CHECK(run.totals() == Totals{.peak = 100, .allocations = 1, .frees = 1, .allocated = 100});
  CHECK_FALSE(run.debugger.has_breakpoint(FakeProgram::in(FakeProgram::leak)));
}

TEST_CASE("freeing NULL is nothing", "[unit]") {
  Run run;
  run.release(0);
  CHECK(run.totals() == Totals{});
}

TEST_CASE("calloc asks for size times count", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::calloc, FakeProgram::in(FakeProgram::grow), {6, 7});
  run.thread.leave(0x5000);
  CHECK(run.totals().size == 42);
}

TEST_CASE("a calloc that overflows can only fail", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::calloc, FakeProgram::in(FakeProgram::grow), {kOverflow, 2});
  run.thread.leave(0);
  CHECK(run.totals() == Totals{});
}

TEST_CASE("aligned_alloc's size is its second argument", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::aligned_alloc, FakeProgram::in(FakeProgram::grow), {64, 640});
  run.thread.leave(0x5000);
  CHECK(run.totals().size == 640);
}

TEST_CASE("a realloc that grows is one free and one allocation", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  const bool in_place = GENERATE(true, false);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 300});
  CHECK(run.totals() == Totals{.size = 100, .count = 1, .peak = 100, .allocations = 1, .allocated = 100});
  run.thread.leave(in_place ? 0x5000 : 0x6000);
  CHECK(run.totals() == Totals{.size = 300, .count = 1, .peak = 300, .allocations = 2, .frees = 1, .allocated = 400});
  CHECK(run.live() == Lines{"300 malloc thread 1 (main): program+528"});
}

TEST_CASE("a realloc that fails leaves the block as it was", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  const auto before = run.live();
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 300});
  run.thread.leave(0);
  CHECK(run.live() == before);
  CHECK(run.totals() == Totals{.size = 100, .count = 1, .peak = 100, .allocations = 1, .allocated = 100});
  run.release(0x5000);
  CHECK(run.totals().count == 0);
}

TEST_CASE("a realloc to no bytes that returns NULL has freed the block", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 0});
  run.thread.leave(0);
  CHECK(run.totals() == Totals{.peak = 100, .allocations = 1, .frees = 1, .allocated = 100});
}

TEST_CASE("a realloc of NULL is a malloc", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0, 30});
  run.thread.leave(0x5000);
  CHECK(run.totals() == Totals{.size = 30, .count = 1, .peak = 30, .allocations = 1, .allocated = 30});
}

TEST_CASE("a realloc of a block from before tracing is an unknown free, unless it fails", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 30});
  run.thread.leave(0);
  CHECK(run.totals() == Totals{});
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 30});
  run.thread.leave(0x6000);
  CHECK(run.totals() ==
        Totals{.size = 30, .count = 1, .peak = 30, .allocations = 1, .allocated = 30, .unknown_frees = 1});
}

TEST_CASE("reallocarray multiplies, and one that overflows leaves the block as it was", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  // The product is 0 in 64 bits, which must not pass for a realloc to no bytes.
  run.thread.call(FakeProgram::reallocarray, FakeProgram::in(FakeProgram::leak), {0x5000, kOverflow, 2});
  run.thread.leave(0);
  CHECK(run.totals().size == 100);
  CHECK(run.totals().frees == 0);
  run.thread.call(FakeProgram::reallocarray, FakeProgram::in(FakeProgram::leak), {0x5000, 6, 7});
  run.thread.leave(0x5000);
  CHECK(run.totals().size == 42);
}

TEST_CASE("an old block's address that another thread gets during the realloc is not mixed up with it", "[unit]") {
  Run run;
  FakeThread other(run.debugger, 2, "worker");
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 300});
  other.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {40});
  other.leave(0x5000);
  run.thread.leave(0x6000);
  CHECK(run.totals() == Totals{.size = 340, .count = 2, .peak = 340, .allocations = 3, .frees = 1, .allocated = 440});
}

TEST_CASE("posix_memalign's block is where its first argument points to", "[unit]") {
  Run run;
  const auto out = run.thread.rsp - 0x100;
  run.thread.call(FakeProgram::posix_memalign, FakeProgram::in(FakeProgram::grow), {out, 64, 500});
  run.debugger.bytes.put(out, 0x5000);
  run.thread.leave(0xdeadbeef00000000);  // an int: its upper half is anything
  CHECK(run.totals().size == 500);
  run.release(0x5000);
  CHECK(run.totals().count == 0);
  CHECK(run.totals().unknown_frees == 0);
}

TEST_CASE("a posix_memalign that fails gave no block, whatever the variable held", "[unit]") {
  Run run;
  const auto out = run.thread.rsp - 0x100;
  run.debugger.bytes.put(out, 0x5000);
  run.thread.call(FakeProgram::posix_memalign, FakeProgram::in(FakeProgram::grow), {out, 64, 500});
  run.thread.leave(ENOMEM);
  CHECK(run.totals() == Totals{});
}

TEST_CASE("an entry point that calls another counts once, as the outer one", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::pool_new, FakeProgram::in(FakeProgram::grow), {100});
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::pool_new), {116});
  CHECK_FALSE(run.debugger.has_breakpoint(FakeProgram::in(FakeProgram::pool_new)));
  run.thread.leave(0x5000);
  CHECK(run.totals() == Totals{});
  run.thread.leave(0x5010);
  CHECK(run.totals() == Totals{.size = 100, .count = 1, .peak = 100, .allocations = 1, .allocated = 100});
  CHECK(run.live() == Lines{"100 new thread 1 (main): program+272"});
}

TEST_CASE("an entry point called by another through further functions counts once", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::pool_new, FakeProgram::in(FakeProgram::grow), {100});
  run.thread.push(FakeProgram::in(FakeProgram::pool_new));  // into strdup, say
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::strdup), {116});
  run.thread.leave(0x5000);
  run.thread.rsp += 8;
  run.thread.leave(0x5010);
  CHECK(run.totals().allocations == 1);
  CHECK(run.totals().size == 100);
}

TEST_CASE("an entry point that jumps to another counts once, as the outer one", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::pool_new, FakeProgram::in(FakeProgram::grow), {100});
  run.thread.jump(FakeProgram::malloc, {100});
  run.thread.leave(0x5000);
  CHECK(run.totals() == Totals{.size = 100, .count = 1, .peak = 100, .allocations = 1, .allocated = 100});
  CHECK(run.live() == Lines{"100 new thread 1 (main): program+272"});
}

TEST_CASE("a realloc's own malloc and free count once", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 300});
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::realloc), {300});
  run.thread.leave(0x6000);
  run.thread.call(FakeProgram::free, FakeProgram::in(FakeProgram::realloc, 0x20), {0x5000});
  run.thread.leave(0);
  run.thread.leave(0x6000);
  CHECK(run.totals() == Totals{.size = 300, .count = 1, .peak = 300, .allocations = 2, .frees = 1, .allocated = 400});
}

TEST_CASE("a free inside operator delete is no second free", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::pool_delete, FakeProgram::in(FakeProgram::grow), {0x5000});
  if (GENERATE(true, false)) {
    run.thread.call(FakeProgram::free, FakeProgram::in(FakeProgram::pool_delete), {0x5000});
    run.thread.leave(0);
  } else {
    run.thread.jump(FakeProgram::free, {0x5000});
  }
  run.thread.leave(0);
  CHECK(run.totals() == Totals{.peak = 100, .allocations = 1, .frees = 1, .allocated = 100});
}

TEST_CASE("each free of a loop counts, and so does a deeper one after it", "[unit]") {
  Run run;
  for (const std::uint64_t block : {0x5000u, 0x6000u, 0x7000u, 0x8000u}) {
    run.allocate(10, block);
  }
  // Nobody sees a free return, and here nothing writes over its slot.
  run.release(0x5000);
  run.release(0x6000);
  run.thread.push(FakeProgram::in(FakeProgram::main), 0x40);
  run.release(0x7000);
  run.thread.push(FakeProgram::in(FakeProgram::main), 0x40);
  run.release(0x8000);
  CHECK(run.totals() == Totals{.peak = 40, .allocations = 4, .frees = 4, .allocated = 40});
}

TEST_CASE("calls that are all made from one place are told apart", "[unit]") {
  Run run;
  run.allocate(10, 0x5000);
  run.allocate(20, 0x6000);
  // An interpreter's call of a C function, say.
  const auto place = FakeProgram::in(FakeProgram::leak);
  run.thread.call(FakeProgram::free, place, {0x5000});
  run.thread.leave(0);
  run.thread.call(FakeProgram::pool_delete, place, {0x6000});
  run.thread.leave(0);
  run.thread.call(FakeProgram::malloc, place, {40});
  run.thread.leave(0x7000);
  CHECK(run.totals() == Totals{.size = 40, .count = 1, .peak = 40, .allocations = 3, .frees = 2, .allocated = 70});
}

TEST_CASE("a malloc after a free from the same depth or deeper is recorded", "[unit]") {
  Run run;
  run.release(0);
  run.allocate(10, 0x5000);
  run.release(0);
  run.thread.push(FakeProgram::in(FakeProgram::main), 0x40);
  run.allocate(20, 0x6000);
  CHECK(run.totals() == Totals{.size = 30, .count = 2, .peak = 30, .allocations = 2, .allocated = 30});
}

TEST_CASE("after an exception left an allocation a call from the same place is recorded", "[unit]") {
  Run run;
  const auto top = run.thread.rsp;
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {100});
  run.thread.rsp = top;
  run.allocate(40, 0x5000);
  CHECK(run.totals() == Totals{.size = 40, .count = 1, .peak = 40, .allocations = 1, .allocated = 40});
}

TEST_CASE("after a longjmp left an allocation a call higher up the stack is recorded", "[unit]") {
  Run run;
  const auto top = run.thread.rsp;
  run.thread.push(FakeProgram::in(FakeProgram::main));
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {100});
  run.thread.rsp = top;
  run.allocate(40, 0x5000);
  CHECK(run.totals().size == 40);
  CHECK(run.totals().allocations == 1);
}

TEST_CASE("after an exception left an allocation a deeper call is recorded", "[unit]") {
  Run run;
  const auto top = run.thread.rsp;
  run.thread.push(FakeProgram::in(FakeProgram::main));
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {100});
  const auto slot = run.thread.rsp;
  run.thread.rsp = top;
  run.thread.push(FakeProgram::in(FakeProgram::main));
  if (GENERATE(true, false)) {
    // The slot holds something else now.
    run.thread.push(FakeProgram::in(FakeProgram::leak));
    run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {40});
  } else {
    // The slot lies among a caller's own bytes, as it was.
    run.thread.push(FakeProgram::in(FakeProgram::roomy), FakeProgram::kLocals);
    run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::leak), {40});
  }
  REQUIRE(run.thread.rsp < slot);
  run.thread.leave(0x5000);
  CHECK(run.totals() == Totals{.size = 40, .count = 1, .peak = 40, .allocations = 1, .allocated = 40});
}

TEST_CASE("a realloc that an exception left gives its block back", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  const auto top = run.thread.rsp;
  run.thread.push(FakeProgram::in(FakeProgram::main));
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::grow), {0x5000, 300});
  run.thread.rsp = top;
  run.allocate(40, 0x6000);
  run.release(0x5000);
  CHECK(run.totals() == Totals{.size = 40, .count = 1, .peak = 140, .allocations = 2, .frees = 1, .allocated = 140});
}

TEST_CASE("threads that allocate alike at the same time are told apart", "[unit]") {
  Run run;
  FakeThread other(run.debugger, 2, "");
  for (auto* thread : {&run.thread, &other}) {
    thread->call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {100});
  }
  run.thread.leave(0x5000);
  CHECK(run.live() == Lines{"100 malloc thread 1 (main): program+272"});
  other.leave(0x6000);
  CHECK(run.live() == Lines{"100 malloc thread 1 (main): program+272", "100 malloc thread 2: program+272"});
  run.release(0x6000);
  CHECK(run.live() == Lines{"100 malloc thread 1 (main): program+272"});
}

TEST_CASE("a thread that comes to a return address without a call of its own records nothing", "[unit]") {
  Run run;
  FakeThread other(run.debugger, 2, "worker");
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {100});
  other.push(FakeProgram::in(FakeProgram::grow));
  other.leave(0x7000);
  CHECK(run.totals() == Totals{});
  // The same thread at another depth: a function called from there by a jump, say.
  const auto rsp = run.thread.rsp;
  run.thread.push(FakeProgram::in(FakeProgram::grow));
  run.thread.leave(0x7000);
  CHECK(run.totals() == Totals{});
  CHECK(run.thread.rsp == rsp);
  run.thread.leave(0x5000);
  CHECK(run.totals().size == 100);
}

TEST_CASE("a call from code outside every module is counted, and gets no breakpoint there", "[unit]") {
  Run run;
  const auto before = run.debugger.breakpoints;
  run.thread.call(FakeProgram::malloc, 0x66000010, {100});
  CHECK(run.debugger.breakpoints == before);
  run.thread.leave(0x5000);
  CHECK(run.totals() == Totals{});
  CHECK(run.engine.report().not_recorded ==
        std::map<std::string, std::uint64_t>{{"called from code outside every module", 1}});
  // What comes after it is recorded.
  run.allocate(40, 0x6000);
  CHECK(run.totals().size == 40);
}

TEST_CASE("a call whose return cannot be watched is counted", "[unit]") {
  Run run;
  run.debugger.refused[{FakeProgram::in(FakeProgram::grow)}] = "Cannot insert breakpoint";
  run.allocate(10, 0x5000);
  CHECK(run.totals() == Totals{});
  CHECK(run.engine.report().not_recorded ==
        std::map<std::string, std::uint64_t>{{"no breakpoint could be set where the call returns to", 1}});
}

TEST_CASE("a call whose stack cannot be read is counted", "[unit]") {
  Run run;
  run.thread.rsp = 0x1000;
  run.thread.jump(FakeProgram::malloc, {100});
  CHECK(run.totals() == Totals{});
  CHECK(run.engine.report().not_recorded == std::map<std::string, std::uint64_t>{{"stack not readable", 1}});
}

TEST_CASE("an unknown block freed by the allocator's own module is its own business", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::free, FakeProgram::in(FakeProgram::thread_exit), {0x5000});
  run.thread.leave(0);
  CHECK(run.totals().unknown_frees == 0);
}

TEST_CASE("an unknown block freed by the program is counted", "[unit]") {
  Run run;
  run.release(0x5000);
  CHECK(run.totals() == Totals{.unknown_frees = 1});
}

TEST_CASE("a known block freed by the allocator's own module is freed", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::free, FakeProgram::in(FakeProgram::thread_exit), {0x5000});
  CHECK(run.totals() == Totals{.peak = 100, .allocations = 1, .frees = 1, .allocated = 100});
}

TEST_CASE("what the C++ library's operator new gets from malloc is of the domain new", "[unit]") {
  Run run;
  run.thread.push(FakeProgram::in(FakeProgram::grow));
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::pass_on_new), {100});
  run.thread.leave(0x5000);
  run.thread.rsp += 8;
  // Its last instruction may be the call: the return address is the first one behind it.
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::pass_on_new, FakeProgram::kSize), {50});
  run.thread.leave(0x6000);
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::pass_on_delete), {7});
  run.thread.leave(0x7000);
  CHECK(run.live() == Lines{"100 new thread 1 (main): libstdc++.so.6+16 program+272",
                            "50 new thread 1 (main): libstdc++.so.6+256",
                            "7 malloc thread 1 (main): libstdc++.so.6+272"});
}

TEST_CASE("a module that is unmapped takes its breakpoints with it", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::pass_on_new), {100});
  run.thread.leave(0x5000);
  run.allocate(40, 0x6000);
  run.debugger.mapped = {run.program.program, run.program.libc};
  REQUIRE(run.load().has_value());
  CHECK(run.debugger.breakpoint_addresses() ==
        std::vector<std::uint64_t>{FakeProgram::in(FakeProgram::grow), FakeProgram::malloc, FakeProgram::free,
                                   FakeProgram::calloc, FakeProgram::realloc, FakeProgram::reallocarray,
                                   FakeProgram::posix_memalign, FakeProgram::aligned_alloc});
  CHECK(run.totals().size == 140);
}

TEST_CASE("a module that comes to lie where another one was has its own entry points watched", "[unit]") {
  Run run;
  run.debugger.mapped = {run.program.program, FakeProgram::moved(run.program.pool, -std::uint64_t{0x20000000})};
  REQUIRE(run.load().has_value());
  CHECK(run.debugger.breakpoint_addresses() == std::vector<std::uint64_t>{0x20001000, 0x20001100});
  run.thread.call(0x20001000, FakeProgram::in(FakeProgram::grow), {100});
  run.thread.leave(0x5000);
  CHECK(run.live() == Lines{"100 new thread 1 (main): program+272"});
}

TEST_CASE("a return into a module that another one replaced is no longer watched", "[unit]") {
  Run run;
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::pass_on_new), {100});
  run.thread.leave(0x5000);
  run.debugger.mapped = {run.program.program, run.program.libc,
                         FakeProgram::moved(run.program.pool, -std::uint64_t{0x10000000})};
  REQUIRE(run.load().has_value());
  CHECK_FALSE(run.debugger.has_breakpoint(FakeProgram::in(FakeProgram::pass_on_new)));
}

TEST_CASE("a module that moved by a little is watched where it is now", "[unit]") {
  Run run;
  run.debugger.mapped = {run.program.program, FakeProgram::moved(run.program.libc, 0x800)};
  REQUIRE(run.load().has_value());
  CHECK_FALSE(run.debugger.has_breakpoint(FakeProgram::malloc));
  CHECK(run.debugger.has_breakpoint(FakeProgram::malloc + 0x800));
}

TEST_CASE("a module whose file was replaced since it was mapped is left alone", "[unit]") {
  Run run;
  run.debugger.mapped = {run.program.libc};
  run.debugger.mapped.front().module.build_id = "0f";
  REQUIRE(run.load().has_value());
  CHECK(run.debugger.breakpoints.empty());
}

TEST_CASE("a breakpoint that the debugger refuses is an error in its words", "[unit]") {
  Run run;
  run.debugger.mapped.push_back(FakeProgram::moved(run.program.pool, 0x10000000));
  run.debugger.refused[{0x50001100}] = "Cannot access memory at address 0x50001100";
  const auto changed = run.load();
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().code == Code::debugger);
  CHECK(changed.error().message == "Cannot access memory at address 0x50001100");
}

TEST_CASE("stop takes every breakpoint out again", "[unit]") {
  Run run;
  const bool process_is_gone = GENERATE(true, false);
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::leak), {100});
  run.engine.stop(process_is_gone);
  CHECK(run.debugger.breakpoints.empty());
  CHECK(run.totals().size == 100);
  // After an exit the report still tells what was watched.
  CHECK(run.engine.report().entry_points.empty() == !process_is_gone);
}

TEST_CASE("stop in the midst of a realloc leaves the block in the books", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 300});
  run.engine.stop(true);
  run.engine.clear();
  CHECK(run.totals() == Totals{});
  CHECK(run.debugger.breakpoints.empty());
}

TEST_CASE("clear in the midst of a realloc keeps the new block alone", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 300});
  run.engine.clear();
  run.thread.leave(0x6000);
  CHECK(run.totals() ==
        Totals{.size = 300, .count = 1, .peak = 300, .allocations = 1, .allocated = 300, .unknown_frees = 1});
}

TEST_CASE("a traceback has no more frames than was asked for", "[unit]") {
  Run run({.frame_limit = 2});
  for (int i = 0; i < 5; ++i) {
    run.thread.push(FakeProgram::in(FakeProgram::main));
  }
  run.allocate(100, 0x5000);
  const auto now = *run.engine.now();
  REQUIRE(now.counts.size() == 1);
  CHECK(run.recording.tracebacks.get(now.counts[0].origin.traceback).frames.size() == 2);
  CHECK(run.recording.tracebacks.get(now.counts[0].origin.traceback).end == TracebackEnd::frame_limit);
}

TEST_CASE("where unwind information is missing the debugger's own walk is taken if it goes further", "[unit]") {
  Run run;
  run.thread.own_walk = {
      {FakeProgram::malloc}, {FakeProgram::in(FakeProgram::uncovered)}, {FakeProgram::in(FakeProgram::main)}};
  run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::uncovered), {100});
  run.thread.leave(0x5000);
  CHECK(run.live() == Lines{"100 malloc thread 1 (main): program+1040 program+16"});
}

TEST_CASE("the debugger is not asked again where its own walk goes no further", "[unit]") {
  Run run;
  run.thread.own_walk = {{FakeProgram::malloc}, {FakeProgram::in(FakeProgram::uncovered)}};
  for (const std::uint64_t block : {0x5000u, 0x6000u}) {
    run.thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::uncovered), {100});
    run.thread.leave(block);
  }
  CHECK(run.live() == Lines{"200 malloc thread 1 (main): program+1040"});
  CHECK(run.thread.unwinds == 1);
}

// What is at fault, as `kind address size times given taken`.
Lines faults(Run& run) {
  constexpr std::array kKinds = {"again", "inner", "foreign", "mismatch"};
  Lines lines;
  const auto found = run.engine.faults();
  REQUIRE(found);
  for (const auto& fault : *found) {
    lines.push_back(fmt::format("{} {:x} {} {} {} {}", kKinds.at(std::to_underlying(fault.kind)), fault.address.value,
                                fault.block ? fault.block->size : 0, fault.times, fault.given, fault.taken));
  }
  return lines;
}

TEST_CASE("a double free is one where freed blocks are kept", "[unit]") {
  Run run({.history = 2});
  run.allocate(100, 0x5000);
  run.release(0x5000);
  CHECK(faults(run).empty());
  run.release(0x5000);
  run.release(0x5000);
  CHECK(faults(run) == Lines{"again 5000 100 2  "});
  const auto fault = run.engine.faults()->front();
  CHECK(fault.first_freed == fault.traceback);
  CHECK(fault.block->origin.traceback != fault.traceback);
  CHECK(run.engine.report().faults == 2);
  CHECK(run.engine.report().history == 2);
  CHECK(run.totals().unknown_frees == 2);
}

TEST_CASE("a block at an address that was freed before is no fault", "[unit]") {
  Run run({.history = 4});
  for (int i = 0; i < 3; ++i) {
    run.allocate(100, 0x5000);
    run.release(0x5000);
  }
  CHECK(faults(run).empty());
}

TEST_CASE("without freed blocks, or when they were forgotten, an unknown free is no fault in an attached process",
          "[unit]") {
  Run run({.history = GENERATE(0U, 4U)});
  run.allocate(100, 0x5000);
  run.release(0x5000);
  run.engine.clear();
  run.release(0x5000);
  CHECK(faults(run).empty());
  CHECK(run.totals().unknown_frees == 1);
}

TEST_CASE("a free inside a live block is a fault, and the block stays", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.release(0x5010);
  run.release(0x5064);
  CHECK(faults(run) == Lines{"inner 5010 100 1  "});
  CHECK(run.totals().count == 1);
}

TEST_CASE("a realloc of what is no block any more is a fault", "[unit]") {
  Run run({.history = 4});
  run.allocate(100, 0x5000);
  run.release(0x5000);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 200});
  run.thread.leave(0);
  CHECK(faults(run) == Lines{"again 5000 100 1  "});
  CHECK(run.engine.faults()->front().is_reallocated);
}

TEST_CASE("what a realloc took, and what operator delete took, was freed", "[unit]") {
  Run run({.history = 4});
  run.allocate(100, 0x5000);
  run.thread.call(FakeProgram::realloc, FakeProgram::in(FakeProgram::leak), {0x5000, 200});
  run.thread.leave(0x6000);
  const auto moved = *run.engine.find_freed({0x5063});
  REQUIRE(moved);
  CHECK(moved->block.address == Address{0x5000});
  CHECK(moved->block.size == 100);
  CHECK_FALSE(*run.engine.find_freed({0x6000}));
  run.thread.call(FakeProgram::pool_new, FakeProgram::in(FakeProgram::grow), {30});
  run.thread.leave(0x7000);
  run.thread.call(FakeProgram::pool_delete, FakeProgram::in(FakeProgram::grow), {0x7000});
  run.thread.leave(0);
  CHECK((*run.engine.find_freed({0x7000}))->block.size == 30);
  CHECK(faults(run).empty());
}

// The instruction before `return_address` calls `target`.
void put_call(Run& run, std::uint64_t return_address, std::uint64_t target) {
  run.debugger.bytes.map(return_address / 0x1000 * 0x1000, 0x1000);
  const std::uint8_t call = 0xe8;
  const auto distance = static_cast<std::int32_t>(target - return_address);
  run.debugger.bytes.put_bytes(return_address - 5, &call, 1);
  run.debugger.bytes.put_bytes(return_address - 4, &distance, sizeof distance);
}

TEST_CASE("a block that another family takes is a fault where that is certain", "[unit]") {
  Run run;
  const auto take = FakeProgram::in(FakeProgram::leak);
  run.thread.call(FakeProgram::pool_new, FakeProgram::in(FakeProgram::grow), {30});
  run.thread.leave(0x7000);
  SECTION("the caller's instruction says that it is free") {
    put_call(run, take, FakeProgram::free);
    run.thread.call(FakeProgram::free, take, {0x7000});
    run.thread.leave(0);
    // The program's symbols are all global: it may have been stripped of an operator's.
    CHECK(faults(run).empty());
  }
  SECTION("the caller's instruction says that it is operator delete") {
    put_call(run, take, FakeProgram::pass_on_delete);
    run.thread.call(FakeProgram::free, take, {0x7000});
    run.thread.leave(0);
    CHECK(faults(run).empty());
  }
  SECTION("it is reallocated") {
    run.thread.call(FakeProgram::realloc, take, {0x7000, 60});
    run.thread.leave(0x8000);
    CHECK(faults(run) == Lines{"mismatch 7000 30 1 new realloc"});
  }
}

TEST_CASE("reset_peak makes the peak what is live", "[unit]") {
  Run run;
  run.allocate(100, 0x5000);
  run.allocate(40, 0x6000);
  run.release(0x5000);
  run.engine.reset_peak();
  CHECK(run.totals().peak == 40);
}

}  // namespace
}  // namespace memsnap
