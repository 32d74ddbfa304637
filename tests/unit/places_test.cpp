#include "plugin/places.h"

#include "core/module.h"
#include "core/symbols/symbolizer.h"
#include "tests/catch.h"
#include "tests/unit/fake_debugger.h"

namespace memsnap {
namespace {

constexpr OsThreadId kMain{1};
constexpr OsThreadId kWorker{2};

// Two threads with stacks of 64 KiB each, a heap, and a mapping of the program's own.
struct PlacesFixture {
  PlacesFixture() {
    debugger.own_regions = {
        {{{0x10000}, {0x20000}}, true, true, false, "[heap]"},
        {{{0x30000}, {0x40000}}, true, true, false, ""},
        {{{0x50000}, {0x60000}}, true, true, false, ""},
        {{{0x70000}, {0x71000}}, true, true, false, "/dev/shm/shared"},
        {{{0x71000}, {0x72000}}, false, false, false, ""},
        {{{0x80000}, {0x90000}}, true, true, false, "[stack]"},
    };
    debugger.labels = {{kMain, {1, "program"}}, {kWorker, {2, "worker"}}};
    debugger.registers[kMain].set(Register::rsp, 0x88000);
    debugger.registers[kWorker].set(Register::rsp, 0x5e000);
    debugger.stacks[kMain] = {{{0x1000}, {0x88000}}, {{0x1100}, {0x88040}}, {{0x1200}, {0x88100}}};
    debugger.stacks[kWorker] = {{{0x1000}, {0x5e000}}, {{0x1100}, {0x5e400}}};
    debugger.thread_pointers[kWorker] = {0x5f700};
  }

  std::string text(std::uint64_t address) {
    Places places(debugger, names, symbols);
    return places.find({address}).text;
  }

  test::FakeDebugger debugger;
  ModuleTable names;
  Symbolizer symbols{names};
};

TEST_CASE("an address on a stack is that thread's, from the red zone on", "[unit]") {
  PlacesFixture fixture;
  CHECK(fixture.text(0x88000) == "stack of thread 1 (program)");
  CHECK(fixture.text(0x87f80) == "stack of thread 1 (program)");
  CHECK(fixture.text(0x87f7f) == "unused stack of thread 1 (program)");
  CHECK(fixture.text(0x8ffff) == "stack of thread 1 (program)");
  CHECK(fixture.text(0x5e010) == "stack of thread 2 (worker)");
}

TEST_CASE("a thread's own data is told from its stack", "[unit]") {
  PlacesFixture fixture;
  CHECK(fixture.text(0x5f700) == "thread-local data of thread 2 (worker)");
  CHECK(fixture.text(0x5f6f8) == "thread-local data of thread 2 (worker)");
  CHECK(fixture.text(0x5dff0) == "stack of thread 2 (worker)");
}

TEST_CASE("a thread's own data is found where the debugger does not know it", "[unit]") {
  PlacesFixture fixture;
  fixture.debugger.thread_pointers.clear();
  auto& memory = fixture.debugger.bytes;
  memory.map(0x30000, 0x10000);
  CHECK(fixture.text(0x3f740) == "mapped memory, and no block");
  memory.put(0x3f740, 0x3f740);
  memory.put(0x3f750, 0x3f740);
  memory.put(0x3fa10, 1);
  CHECK(fixture.text(0x3f740) == "thread-local data of thread 1 (program)");
  memory.put(0x3fa10, 7);  // another thread's
  CHECK(fixture.text(0x3f740) == "mapped memory, and no block");
}

TEST_CASE("memory that is nobody's is told by what it is", "[unit]") {
  PlacesFixture fixture;
  CHECK(fixture.text(0x10010) == "heap, and no live block");
  CHECK(fixture.text(0x30000) == "mapped memory, and no block");
  CHECK(fixture.text(0x70010) == "mapped memory of shared, and no block");
  CHECK(fixture.text(0x71000) == "reserved memory, and no block");
  CHECK(fixture.text(0x72000) == "not mapped");
  CHECK(fixture.text(0) == "not mapped");
}

}  // namespace
}  // namespace memsnap
