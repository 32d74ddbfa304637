// `memsnap around` with a debugger that does as it is told.

#include "plugin/around.h"

#include <sstream>

#include "plugin/command.h"
#include "tests/catch.h"
#include "tests/unit/fake_debugger.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

using test::FakeDebugger;
using test::FakeProgram;
using test::FakeThread;

constexpr auto kBack = FakeProgram::in(FakeProgram::main);

// A process that stands in main, where `grow` can be gone around.
struct Process {
  Process() {
    debugger.on_breakpoint = [this](Address address, StoppedThread& which) {
      return after = session.on_breakpoint(address, which);
    };
    debugger.code["grow"] = {{FakeProgram::grow}};
    debugger.mapped = program.all();
    debugger.inferior = InferiorState::stopped;
    REQUIRE((*this)("start --engine breakpoint").starts_with("memsnap: tracing"));
  }

  std::string operator()(const std::string& line) {
    std::istringstream in(line);
    const auto result = run_command(session, std::vector<std::string>(std::istream_iterator<std::string>(in), {}));
    return result ? *result : "memsnap: " + result.error().message;
  }

  // What the process does, one after the other, each time that it is let go.
  void enters(FakeThread& which) {
    debugger.runs.push_back([this, &which] {
      after = AfterHit::go_on;
      which.call(FakeProgram::grow, kBack);
      debugger.registers[which.id()].set(Register::rsp, which.rsp);
      return standing();
    });
  }
  void allocates(std::uint64_t size, std::uint64_t block) {
    debugger.runs.push_back([this, size, block] {
      thread.call(FakeProgram::malloc, FakeProgram::in(FakeProgram::grow), {size});
      thread.leave(block);
      after = AfterHit::go_on;
      thread.leave(0);
      return standing();
    });
  }
  Standing standing() const { return after == AfterHit::go_on ? Standing::user : Standing::memsnap; }

  FakeDebugger debugger;
  FakeProgram program;
  Session session{debugger};
  AfterHit after = AfterHit::go_on;
  FakeThread thread{debugger, 1, "main"};
};

constexpr std::string_view kTable =
    "1 -> 2, by lineno, since memsnap start (older blocks are not known)\n"
    "#1 program!grow(): size=100 B (+100 B), count=1 (+1), average=100 B\n"
    "Total: size=100 B (+100 B), count=1 (+1)\n";

TEST_CASE("around takes its snapshots at the entry and the return, and leaves no breakpoint behind", "[unit]") {
  Process memsnap;
  const auto before = memsnap.debugger.breakpoint_addresses();
  memsnap.enters(memsnap.thread);
  memsnap.allocates(100, 0x5000);
  CHECK(memsnap("around grow") == "memsnap: grow entered\nmemsnap: grow returned\n" + std::string(kTable));
  CHECK(memsnap.debugger.stops_shown == 1);
  CHECK(memsnap.after == AfterHit::stop_quietly);
  CHECK_FALSE(memsnap.debugger.has_breakpoint(FakeProgram::grow));
  CHECK_FALSE(memsnap.debugger.has_breakpoint(kBack));
  CHECK(memsnap.debugger.breakpoint_addresses().size() == before.size() + 1);  // where malloc returned to
}

TEST_CASE("another thread that returns from the function is not the one that is waited for", "[unit]") {
  Process memsnap;
  FakeThread other(memsnap.debugger, 2, "other");
  other.push(kBack);
  memsnap.enters(memsnap.thread);
  memsnap.debugger.runs.push_back([&] {
    memsnap.after = AfterHit::go_on;
    other.leave(0);
    CHECK(memsnap.after == AfterHit::go_on);
    // Nor is a deeper call of the same thread.
    memsnap.thread.push(kBack);
    memsnap.thread.leave(0);
    CHECK(memsnap.after == AfterHit::go_on);
    return Standing::user;
  });
  memsnap.allocates(100, 0x5000);
  CHECK(memsnap("around grow") ==
        "memsnap: grow entered\nmemsnap: stopped inside grow; 'memsnap around --continue' goes on\n");
  CHECK(memsnap("around --continue") == "memsnap: grow returned\n" + std::string(kTable));
}

TEST_CASE("what the debugger cannot do ends the command, and nothing waits any more", "[unit]") {
  Process memsnap;
  memsnap.debugger.refused[{FakeProgram::grow}] = "no breakpoint here";
  CHECK(memsnap("around grow") == "memsnap: no breakpoint here");
  memsnap.debugger.refused.clear();
  CHECK(memsnap("around grow") == "memsnap: nothing more runs here");
  CHECK_FALSE(memsnap.debugger.has_breakpoint(FakeProgram::grow));
  memsnap.enters(memsnap.thread);
  memsnap.debugger.refused[{kBack}] = "no breakpoint there";
  CHECK(memsnap("around grow") == "memsnap: no breakpoint there");
  CHECK(memsnap("around --continue") == "memsnap: there is nothing to go on with; 'memsnap around FUNCTION' begins");
}

TEST_CASE("a command that comes while around waits for the process finds it busy, or ends it", "[unit]") {
  Process memsnap;
  memsnap.debugger.runs.push_back([&] {
    CHECK(memsnap("around grow") == "memsnap: around grow is under way");
    CHECK(memsnap("around --continue") == "memsnap: around grow is under way");
    CHECK(memsnap("stop") == "memsnap: stopped\n");
    return Standing::user;
  });
  CHECK(memsnap("around grow") == "memsnap: around grow is given up, as tracing was stopped\n");
  CHECK(memsnap.debugger.breakpoints.empty());
}

TEST_CASE("what was stopped inside a call is over with its process, and a new one has nothing of it", "[unit]") {
  Process memsnap;
  memsnap.enters(memsnap.thread);
  memsnap.debugger.runs.push_back([] { return Standing::user; });
  memsnap("around grow");
  memsnap.debugger.inferior = InferiorState::none;
  memsnap.session.on_process_gone();
  SECTION("the user asks at once") {
    CHECK(memsnap("around --continue") ==
          "memsnap: grow did not return, the process has ended\n"
          "1 -> 2, by lineno, since memsnap start (older blocks are not known)\n"
          "Total: size=0 B (+0 B), count=0 (+0)\n");
  }
  SECTION("or in the next process") {
    memsnap.debugger.inferior = InferiorState::stopped;
    memsnap.debugger.instance = "two";
    memsnap.session.on_modules_changed();
    CHECK(memsnap("around --continue") == "memsnap: there is nothing to go on with; 'memsnap around FUNCTION' begins");
  }
}

}  // namespace
}  // namespace memsnap
