// The books while many threads allocate at once.

#include <algorithm>
#include <random>

#include "tests/catch.h"
#include "tests/recorder/storm_books.h"

namespace memsnap::test {
namespace {

TEST_CASE("in a storm of threads every stop shows the blocks that the program wrote down", "[recorder]") {
  Recorded recorded;
  recorded.launch("storm");
  const auto main = recorded.run_to("checkpoint");
  const auto address = recorded.argument(main, 0);
  const auto base = base_of(recorded);
  StormBooks(recorded, address).check(recorded, base);
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same in each run
  std::size_t under_way = 0;
  const auto threads = recorded.debugger.threads();
  REQUIRE(threads.size() == kStormThreads + 1);
  // Past the barrier.
  REQUIRE(recorded.debugger.run_to({recorded.debugger.find_function("aligned_alloc")}).kind == Stop::Kind::reached);
  for (int stop = 0; stop < 60; ++stop) {
    // One thread counts the time for the others: so many of its instructions.
    const auto clock = threads[1 + random() % kStormThreads];
    REQUIRE(recorded.debugger.run_beside(clock, 1 + random() % 1500));
    INFO("stop " << stop);
    const StormBooks books(recorded, address);
    under_way += books.calls_under_way();
    books.check(recorded, base);
  }
  // Else nothing of what is hard was seen.
  CHECK(under_way > 60);
  CHECK(recorded.totals().allocations > base.totals.allocations + 1000);
}

// Each free has left its block, and nothing else has.
void check_freed(Recorded& recorded, std::size_t room) {
  const auto freed = recorded.freed();
  const auto frees = recorded.totals().frees;
  CHECK(freed.size() == std::min<std::size_t>(frees, room));
  CHECK(recorded.faults().empty());
}

void check_freed_in_storm(std::uint32_t room) {
  Recorded recorded(8, room);
  recorded.launch("storm");
  const auto main = recorded.run_to("checkpoint");
  const auto address = recorded.argument(main, 0);
  const auto base = base_of(recorded);
  const auto threads = recorded.debugger.threads();
  REQUIRE(recorded.debugger.run_to({recorded.debugger.find_function("aligned_alloc")}).kind == Stop::Kind::reached);
  std::mt19937 random(2);  // NOLINT(cert-msc51-cpp): the same in each run
  for (int stop = 0; stop < 25; ++stop) {
    const auto clock = threads[1 + random() % kStormThreads];
    REQUIRE(recorded.debugger.run_beside(clock, 1 + random() % 1500));
    INFO("stop " << stop);
    StormBooks(recorded, address).check(recorded, base);
    check_freed(recorded, room);
  }
  CHECK(recorded.totals().frees > base.totals.frees + 1000);
}

TEST_CASE("in a storm of threads every free that counts has left its block", "[recorder]") {
  check_freed_in_storm(1'000'000);
}

TEST_CASE("in a storm of threads that come round again and again the last freed blocks are kept", "[recorder]") {
  check_freed_in_storm(64);
}

TEST_CASE("after a storm of threads the books are the program's own", "[recorder]") {
  Recorded recorded;
  recorded.launch("storm", {"3000"});
  auto thread = recorded.run_to("checkpoint");
  const auto base = base_of(recorded);
  thread = recorded.run_to("checkpoint");
  const StormBooks books(recorded, recorded.argument(thread, 0));
  CHECK(books.calls_under_way() == 0);
  books.check(recorded, base);
  recorded.run_to_end();
}

void check_children(const std::string& program) {
  Recorded recorded;
  recorded.launch(program, {"0", "200"});
  auto thread = recorded.run_to("checkpoint");
  const auto base = base_of(recorded);
  // No child of which something is wrong lets the program come so far.
  thread = recorded.run_to("checkpoint");
  StormBooks(recorded, recorded.argument(thread, 0)).check(recorded, base);
  recorded.run_to_end();
}

TEST_CASE("children forked in a storm of threads allocate and end, and the parent's books are right", "[recorder]") {
  check_children("storm");
}

TEST_CASE("children forked in a storm of threads of a static program allocate and end", "[recorder]") {
  check_children("storm_static");
}

TEST_CASE("a child forked in a storm of threads has the books of the moment, and goes on with them", "[recorder]") {
  constexpr int kChildren = 12;
  Recorded recorded;
  recorded.launch("storm", {"0", std::to_string(kChildren)});
  const auto address = recorded.argument(recorded.run_to("checkpoint"), 0);
  const auto base = base_of(recorded);
  recorded.debugger.set_children(Children::keep);
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  std::size_t under_way = 0;
  for (int i = 0; i < kChildren; ++i) {
    INFO("child " << i);
    const auto stop = recorded.debugger.run_to({checkpoint});
    REQUIRE(stop.kind == Stop::Kind::forked);
    StormBooks(recorded, address).check(recorded, base);

    Recorded child;
    child.debugger.adopt(recorded.debugger.take_child());
    child.record();
    // Before its first call: what the other threads were at is as it was.
    child.run_to(checkpoint);
    const StormBooks books(child, address);
    under_way += books.calls_under_way();
    books.check(child, base);
    const auto before = child.totals();
    child.run_to(checkpoint);
    const auto after = child.totals();
    CHECK(after.allocations == before.allocations + 1000);
    CHECK(after.frees == before.frees + 500);
    CHECK(after.count == before.count + 500);
    CHECK(child.blocks().size() == after.count);
    CHECK(after.unknown_frees == before.unknown_frees);
    CHECK(after.missed_frees == 0);
    CHECK(child.not_recorded() == 0);
    child.run_to_end();
  }
  CHECK(under_way > 0);
  recorded.run_to(checkpoint);
  StormBooks(recorded, address).check(recorded, base);
  recorded.run_to_end();
}

}  // namespace
}  // namespace memsnap::test
