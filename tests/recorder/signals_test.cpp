// Signal handlers that allocate while the recorder is at work in the same thread.

#include <csignal>

#include "tests/catch.h"
#include "tests/recorder/recorded.h"

namespace memsnap::test {
namespace {

// Sends the thread a signal, and lets its handler run to the end.
void interrupt(Recorded& recorded, OsThreadId thread) {
  const Address pc{recorded.pc(thread)};
  const auto sp = recorded.debugger.read_register(thread, Register::rsp);
  recorded.debugger.deliver(thread, SIGUSR1);
  // The handler comes through the same code.
  do {
    recorded.run_to(pc);
  } while (recorded.debugger.read_register(thread, Register::rsp) != sp);
}

// What the recorder makes of the calls of one handler.
void check_interruption(Recorded& recorded, OsThreadId thread, bool frees) {
  const auto before = recorded.totals();
  const auto counted = recorded.not_recorded();
  interrupt(recorded, thread);
  const auto after = recorded.totals();
  const auto gave = after.allocations - before.allocations;
  const auto took = after.frees - before.frees;
  CHECK((frees ? gave : took) == 0);
  CHECK((frees ? took : gave) + recorded.not_recorded() - counted == 1);
  CHECK(recorded.blocks().size() == after.count);
  CHECK(after.unknown_frees == 0);
  CHECK(after.missed_frees == 0);
}

void check(const std::string& handler, const std::string& stack) {
  Recorded recorded;
  recorded.launch("signals", {handler, stack});
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  const auto thread = recorded.run_to(checkpoint);
  const auto code = recorded.recorder_code();
  const bool frees = handler == "free";
  std::size_t signals = 0;
  std::size_t instructions = 0;
  // One malloc, realloc and free of the program in each round.
  for (int round = 0; round < 1; ++round) {
    const auto before = recorded.totals();
    const auto signals_before = signals;
    const auto counted = recorded.not_recorded();
    for (int call = 0; call < 3; ++call) {
      do {
        REQUIRE(recorded.debugger.single_step(thread));
        if (const Address pc{recorded.pc(thread)}; code.contains(pc) && ++instructions % kLookEach == 0) {
          INFO("signal " << signals << ", in call " << call << ", at the recorder's " << std::hex << pc - code.begin);
          check_interruption(recorded, thread, frees);
          ++signals;
        }
      } while (recorded.pc(thread) != checkpoint.value);
    }
    // With what the program itself gave and took.
    const auto after = recorded.totals();
    const auto calls = signals - signals_before - (recorded.not_recorded() - counted);
    CHECK(after.allocations == before.allocations + 2 + (frees ? 0 : calls));
    CHECK(after.frees == before.frees + 2 + (frees ? calls : 0));
  }
  CHECK(signals > 500 / kLookEach);
  CHECK(recorded.argument(thread, 0) == signals);
  recorded.run_to_end();
}

TEST_CASE("a handler that allocates is recorded or counted wherever it interrupts the recorder", "[recorder]") {
  check("malloc", "same-stack");
}

TEST_CASE("a handler that allocates on a small stack of its own is recorded or counted", "[recorder]") {
  check("malloc", "own-stack");
}

TEST_CASE("a handler that frees is recorded or counted wherever it interrupts the recorder", "[recorder]") {
  check("free", "own-stack");
}

}  // namespace
}  // namespace memsnap::test
