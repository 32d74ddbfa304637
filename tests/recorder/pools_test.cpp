// Pools of the program's own, against the books that it keeps of them itself.

#include "tests/catch.h"
#include "tests/recorder/program_books.h"

namespace memsnap::test {
namespace {

void add_pool(Recorded& recorded) {
  std::vector<OwnFunction> functions;
  for (const auto& [kind, text] : {std::pair(CallKind::allocate, "pool_get:size=2,pool=3"),
                                   {CallKind::reallocate, "pool_resize:ptr=2,size=3,pool=4"},
                                   {CallKind::free, "pool_put:ptr=1"},
                                   {CallKind::free_all, "pool_reset:pool=1"}}) {
    auto function = parse_own_function(kind, text);
    REQUIRE(function.has_value());
    functions.push_back(*function);
  }
  REQUIRE(recorded.session.add_allocator("pool", functions).has_value());
}

void check_pools(const std::string& program) {
  Recorded recorded;
  add_pool(recorded);
  recorded.launch(program);
  recorded.run_to("checkpoint");
  const auto base = base_of(recorded);
  for (int i = 0; i < 12; ++i) {
    INFO("checkpoint " << i);
    const auto thread = recorded.run_to("checkpoint");
    check_books(recorded, recorded.argument(thread, 0), base);
  }
  recorded.run_to_end();
}

TEST_CASE("every call of a pool is counted as the program counts it", "[recorder]") { check_pools("pools"); }

TEST_CASE("every call of an optimised program's pool is counted as the program counts it", "[recorder]") {
  check_pools("pools_optimised");
}

TEST_CASE("threads with pools that give all back leave nothing in the books", "[recorder]") {
  Recorded recorded;
  add_pool(recorded);
  recorded.launch("pools_optimised", {"6"});
  recorded.run_to("checkpoint");
  const auto base = base_of(recorded);
  recorded.run_to("checkpoint");
  const auto totals = recorded.totals();
  CHECK(totals.allocations - base.totals.allocations > 6 * 1000);
  CHECK(totals.missed_frees == 0);
  CHECK(recorded.not_recorded() == 0);
  const auto now = recorded.engine().now();
  REQUIRE(now.has_value());
  const auto& domains = recorded.session.recording().domains.names();
  std::uint64_t live = 0;
  for (const auto& count : now->counts) {
    live += domains.at(static_cast<std::size_t>(count.origin.domain)) == "pool" ? count.count : 0;
  }
  CHECK(live == 0);
  recorded.run_to_end();
}

TEST_CASE("at every instruction of a pool's calls the books are whole", "[recorder]") {
  Recorded recorded;
  add_pool(recorded);
  recorded.launch("pools");
  recorded.run_to("checkpoint");
  recorded.run_to("checkpoint");
  for (const std::string function : {"pool_get", "pool_put", "pool_resize", "pool_reset"}) {
    const auto thread = recorded.run_to(function);
    const auto first = recorded.totals();
    auto last = first;
    // Until nothing has changed for a while, once something has.
    std::size_t last_change = 0;
    for (std::size_t step = 1; step < 20000 && (last_change == 0 || step < last_change + 400); ++step) {
      INFO(function << ", step " << step);
      REQUIRE(recorded.debugger.single_step(thread));
      const auto totals = recorded.totals();
      CHECK(totals.count == totals.allocations - totals.frees);
      CHECK(recorded.blocks().size() == totals.count);
      CHECK(totals.allocations + totals.frees - last.allocations - last.frees <= 2);
      last_change = totals == last ? last_change : step;
      last = totals;
    }
    INFO(function);
    CHECK(last.allocations + last.frees > first.allocations + first.frees);
  }
}

}  // namespace
}  // namespace memsnap::test
