// Allocators other than the C library that most programs have.

#include <algorithm>
#include <sstream>

#include "tests/catch.h"
#include "tests/recorder/skip.h"
#include "tests/recorder/storm_books.h"

namespace memsnap::test {
namespace {

// A library that can be put in front of a program's own allocator. The build knows those of this machine.
std::vector<std::string> preloads() {
  std::istringstream paths(MEMSNAP_PRELOADS);
  std::vector<std::string> all;
  for (std::string path; paths >> path;) {
    all.push_back("LD_PRELOAD=" + path);
  }
  if (all.empty()) {
    skip("none of jemalloc, tcmalloc, its minimal form and mimalloc is on this machine");
  } else if (all.size() < 4) {
    WARN("only " << all.size() << " of jemalloc, tcmalloc, its minimal form and mimalloc are on this machine");
  }
  return all;
}

// Programs of several C libraries, where the build found them.
std::vector<std::string> builds_of_mix() {
  std::istringstream names(MEMSNAP_MIXES);
  std::vector<std::string> all;
  for (std::string name; names >> name;) {
    all.push_back(name);
  }
  if (std::ranges::find(all, "mix_musl") == all.end()) {
    WARN("there is no musl-gcc on this machine");
  }
  return all;
}

void check_mix(const std::string& program, const std::vector<std::string>& environment) {
  Recorded recorded;
  recorded.launch(program, {}, environment);
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  recorded.run_to(recorded.debugger.find_function("main"));
  const auto base = base_of(recorded);
  for (int i = 0; i < 8; ++i) {
    INFO("checkpoint " << i);
    const auto thread = recorded.run_to(checkpoint);
    check_books(recorded, recorded.argument(thread, 0), base);
  }
  recorded.run_to_end();
}

TEST_CASE("every C library's calls are counted as the program counts them", "[recorder]") {
  for (const auto& program : builds_of_mix()) {
    INFO(program);
    check_mix(program, {});
  }
}

TEST_CASE("the calls of allocators that are preloaded are counted as the program counts them", "[recorder]") {
  for (const auto& preload : preloads()) {
    INFO(preload);
    check_mix("mix", {preload});
  }
}

TEST_CASE("a storm of threads on a preloaded allocator leaves the books that the program wrote down", "[recorder]") {
  for (const auto& preload : preloads()) {
    INFO(preload);
    Recorded recorded;
    recorded.launch("storm", {"3000"}, {preload});
    const auto address = recorded.argument(recorded.run_to("checkpoint"), 0);
    const auto base = base_of(recorded);
    recorded.run_to("checkpoint");
    StormBooks(recorded, address).check(recorded, base);
    recorded.run_to_end();
  }
}

TEST_CASE("in a storm of threads on a preloaded allocator every stop shows the blocks written down", "[recorder]") {
  for (const auto& preload : preloads()) {
    INFO(preload);
    Recorded recorded;
    recorded.launch("storm", {}, {preload});
    const auto address = recorded.argument(recorded.run_to("checkpoint"), 0);
    const auto base = base_of(recorded);
    const auto threads = recorded.debugger.threads();
    for (std::size_t stop = 0; stop < 12; ++stop) {
      INFO("stop " << stop);
      REQUIRE(recorded.debugger.run_beside(threads.at(1 + stop % kStormThreads), 100 + stop * 37));
      StormBooks(recorded, address).check(recorded, base);
    }
    CHECK(recorded.totals().allocations > base.totals.allocations + 100);
  }
}

TEST_CASE("an entry point too short for a hook is recorded where it jumps to", "[recorder]") {
  Recorded recorded;
  recorded.launch("short_jump");
  recorded.run_to("checkpoint");
  const auto before = recorded.totals();
  recorded.run_to("checkpoint");
  CHECK(recorded.totals().size - before.size == 60);
  recorded.run_to("checkpoint");
  const auto after = recorded.totals();
  CHECK(after.size - before.size == 30);
  CHECK(after.frees - before.frees == 2);
  const auto report = recorded.engine().report();
  CHECK(report.remark.empty());
  CHECK(std::ranges::all_of(report.entry_points, [](const WatchedEntryPoint& each) { return each.how == "hook"; }));
  recorded.run_to_end();
}

TEST_CASE("an exception that leaves a hooked operator new is caught, and what comes later is recorded", "[recorder]") {
  for (const auto& preload : preloads()) {
    // mimalloc's own does not throw: it is built as C, and aborts.
    if (preload.find("mimalloc") != std::string::npos) {
      continue;
    }
    INFO(preload);
    Recorded recorded;
    recorded.launch("bad_alloc", {}, {preload});
    recorded.run_to("checkpoint");
    const auto base = base_of(recorded);
    const auto thread = recorded.run_to("checkpoint");
    // The exceptions are blocks too: all given and taken back.
    const auto totals = recorded.totals();
    CHECK(totals.allocations - base.totals.allocations == 20 * 4 + 20);
    CHECK(totals.frees - base.totals.frees == 20);
    CHECK(totals.unknown_frees == base.totals.unknown_frees);
    CHECK(totals.missed_frees == 0);
    CHECK(recorded.not_recorded() == 0);
    CHECK(recorded.blocks() == with_books(recorded, recorded.argument(thread, 0), base));
    recorded.run_to_end();
  }
}

}  // namespace
}  // namespace memsnap::test
