// The recorder stops the program where what is live passes a limit.

#include <csignal>

#include "tests/catch.h"
#include "tests/recorder/recorded.h"

namespace memsnap::test {
namespace {

constexpr std::uint64_t kBlock = 64;
constexpr std::uint64_t kThreads = 4;

// Runs until the limit is passed.
OsThreadId run_to_limit(Recorded& recorded) {
  const auto stop = recorded.debugger.run_to({});
  INFO(to_string(stop));
  REQUIRE(stop.kind == Stop::Kind::reached);
  return stop.thread;
}

TEST_CASE("threads that allocate together are stopped at the block that passes the limit", "[recorder]") {
  Recorded recorded;
  recorded.launch("growing");
  std::uint64_t limit = 10'000;
  for (int round = 0; round < 4; ++round, limit = recorded.totals().size + 100'000) {
    INFO("limit " << limit);
    REQUIRE(recorded.session.set_limit(limit));
    const auto thread = run_to_limit(recorded);
    // The others run on until they are stopped.
    CHECK(recorded.totals().size > limit);
    const auto passed =
        recorded.read<layout::Limit>(recorded.engine().control().value + offsetof(layout::Control, limit)).passed;
    CHECK(passed > static_cast<std::int64_t>(limit));
    CHECK(passed <= static_cast<std::int64_t>(limit + kThreads * kBlock));
    // Where the call returns to.
    const auto grow = recorded.debugger.find_function("grow").value;
    CHECK(recorded.pc(thread) - grow < 0x200);
    CHECK(recorded.debugger.told().find("passed the limit") != std::string::npos);
  }
  REQUIRE(recorded.session.set_limit(std::nullopt));
  recorded.run_to_end();
}

TEST_CASE("threads that allocate at one call site are stopped at the block that passes its limit", "[recorder]") {
  Recorded recorded;
  recorded.launch("growing");
  recorded.run_to("grow");
  std::uint64_t limit = recorded.totals().size + 10'000;
  for (std::uint64_t round = 0; round < 20; ++round, limit = recorded.totals().size + 1000 * round) {
    INFO("limit " << limit);
    REQUIRE(recorded.engine().set_site_limit(SiteLimit{limit, [](TracebackId) { return true; }}));
    run_to_limit(recorded);
    // The others run on until they are stopped.
    const auto told =
        recorded.read<layout::SiteLimit>(recorded.engine().control().value + offsetof(layout::Control, site_limit));
    CHECK(told.is_past == 1);
    CHECK(told.live > static_cast<std::int64_t>(limit));
    CHECK(static_cast<std::uint64_t>(told.live) == recorded.totals().size);
  }
  REQUIRE(recorded.engine().set_site_limit(std::nullopt));
  recorded.run_to_end();
}

TEST_CASE("a limit is passed again where what is live was within it meanwhile", "[recorder]") {
  Recorded recorded;
  recorded.launch("growing", {"once"});
  recorded.run_to("checkpoint");
  // Of three blocks that come one goes: 64, 128, 192 and 128; 192, 256, 320 and 256.
  REQUIRE(recorded.session.set_limit(recorded.totals().size + 2 * kBlock));
  REQUIRE(::kill(recorded.debugger.pid(), SIGUSR1) == 0);
  const auto before = recorded.totals();
  for (const std::uint64_t blocks : {3U, 4U}) {
    run_to_limit(recorded);
    CHECK(recorded.totals().allocations == before.allocations + blocks);
    CHECK(recorded.totals().size == before.size + 3 * kBlock);
  }
  recorded.run_to_end();
}

TEST_CASE("a process whose debugger was killed passes the limit unharmed", "[recorder]") {
  PtraceDebugger debugger;
  debugger.launch(recorded_program("growing"), {"once"}, {});
  REQUIRE(debugger.run_to({debugger.find_function("checkpoint")}).kind == Stop::Kind::reached);
  const auto pid = debugger.pid();
  debugger.detach();
  const bool was_recorded = record_by_killed_debugger(pid, 10 * kBlock);
  CHECK(was_recorded);
  ::kill(pid, was_recorded ? SIGUSR1 : SIGKILL);
  auto status = wait_for(pid);
  while (!status.is_end()) {
    status = wait_for(pid);  // the debuggers' stops
  }
  CHECK(status.killed_by().value_or(0) == 0);
  CHECK(status.exit_code().value_or(-1) == 0);
}

}  // namespace
}  // namespace memsnap::test
