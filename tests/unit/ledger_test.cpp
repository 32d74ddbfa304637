#include "core/trace/ledger.h"

#include <algorithm>
#include <map>
#include <random>

#include "core/trace/snapshot.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

constexpr Address kA{0x1000};
constexpr Address kB{0x2000};
constexpr Origin kHere{TracebackId{1}, DomainId{0}, ThreadId{0}};
constexpr Origin kThere{TracebackId{2}, DomainId{0}, ThreadId{0}};

bool is_balanced(const Ledger& ledger) {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  for (const auto& live : ledger.counts()) {
    size += live.size;
    count += live.count;
  }
  const auto& totals = ledger.totals();
  return totals.count == totals.allocations - totals.frees && size == totals.size && count == totals.count;
}

TEST_CASE("A ledger begins empty", "[unit]") {
  const Ledger ledger;
  CHECK(ledger.totals() == Totals{});
  CHECK(ledger.counts().empty());
  CHECK(ledger.find(kA) == nullptr);
}

TEST_CASE("A block is live from its allocation to its free", "[unit]") {
  Ledger ledger;
  ledger.set_epoch(3);
  ledger.allocate(kA, 100, kHere);
  REQUIRE(ledger.find(kA) != nullptr);
  CHECK(ledger.find(kA)->size == 100);
  CHECK(ledger.find(kA)->epoch == 3);
  CHECK(ledger.origin(ledger.find(kA)->origin) == kHere);
  CHECK(ledger.totals() == Totals{.size = 100, .count = 1, .peak = 100, .allocations = 1, .allocated = 100});

  CHECK(ledger.free(kA));
  CHECK(ledger.find(kA) == nullptr);
  CHECK(ledger.totals() == Totals{.peak = 100, .allocations = 1, .frees = 1, .allocated = 100});
  CHECK(ledger.counts().at(0).count == 0);
}

TEST_CASE("A block of no bytes counts as a block", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 0, kHere);
  CHECK(ledger.totals().count == 1);
  CHECK(ledger.totals().size == 0);
  CHECK(take_snapshot(ledger).counts.size() == 1);
  CHECK(ledger.free(kA));
  CHECK(ledger.totals().count == 0);
}

TEST_CASE("Address 0 is nothing to allocate and nothing to free", "[unit]") {
  Ledger ledger;
  ledger.allocate(Address{}, 100, kHere);
  CHECK(ledger.free(Address{}));
  CHECK(ledger.totals() == Totals{});
}

TEST_CASE("The free of an unknown block is counted apart", "[unit]") {
  Ledger ledger;
  CHECK_FALSE(ledger.free(kA));
  CHECK(ledger.totals() == Totals{.unknown_frees = 1});
}

TEST_CASE("The second free of a block is an unknown one", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 8, kHere);
  CHECK(ledger.free(kA));
  CHECK_FALSE(ledger.free(kA));
  CHECK(ledger.totals().frees == 1);
  CHECK(ledger.totals().unknown_frees == 1);
  CHECK(is_balanced(ledger));
}

TEST_CASE("An address given out twice closes the first block as a missed free", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  ledger.allocate(kA, 30, kThere);
  CHECK(ledger.find(kA)->size == 30);
  CHECK(ledger.totals() ==
        Totals{.size = 30, .count = 1, .peak = 100, .allocations = 2, .frees = 1, .allocated = 130, .missed_frees = 1});
  CHECK(ledger.counts().at(0).count == 0);
  CHECK(ledger.counts().at(1).count == 1);
}

TEST_CASE("A realloc that moves is one allocation and one free", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  const auto old = ledger.detach(kA);
  REQUIRE(old);
  ledger.free_detached(*old);
  ledger.allocate(kB, 200, kThere);
  CHECK(ledger.find(kA) == nullptr);
  CHECK(ledger.totals() ==
        Totals{.size = 200, .count = 1, .peak = 200, .allocations = 2, .frees = 1, .allocated = 300});
}

TEST_CASE("A realloc in place is no missed free", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  const auto old = ledger.detach(kA);
  REQUIRE(old);
  ledger.free_detached(*old);
  ledger.allocate(kA, 200, kHere);
  CHECK(ledger.totals().missed_frees == 0);
  CHECK(ledger.totals().size == 200);
  CHECK(is_balanced(ledger));
}

TEST_CASE("A block stays in the counts while its realloc runs", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  REQUIRE(ledger.detach(kA));
  CHECK(ledger.find(kA) == nullptr);
  CHECK(ledger.totals().size == 100);
  CHECK(ledger.totals().count == 1);
  CHECK(is_balanced(ledger));
}

TEST_CASE("A realloc that fails keeps the block as it was", "[unit]") {
  Ledger ledger;
  ledger.set_epoch(1);
  ledger.allocate(kA, 100, kHere);
  const auto before = ledger.totals();
  ledger.set_epoch(2);
  const auto old = ledger.detach(kA);
  REQUIRE(old);
  ledger.reattach(*old);
  REQUIRE(ledger.find(kA) != nullptr);
  CHECK(*ledger.find(kA) == *old);
  CHECK(ledger.find(kA)->epoch == 1);
  CHECK(ledger.totals() == before);
}

TEST_CASE("A realloc to no bytes is a free", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  const auto old = ledger.detach(kA);
  REQUIRE(old);
  ledger.free_detached(*old);
  CHECK(ledger.totals() == Totals{.peak = 100, .allocations = 1, .frees = 1, .allocated = 100});
}

TEST_CASE("A realloc of an unknown block finds nothing to detach", "[unit]") {
  Ledger ledger;
  CHECK_FALSE(ledger.detach(kA));
  CHECK(ledger.totals() == Totals{});
  ledger.count_unknown_free();
  ledger.allocate(kB, 10, kHere);
  CHECK(ledger.totals().unknown_frees == 1);
  CHECK(is_balanced(ledger));
}

TEST_CASE("Another thread may get the address of a block whose realloc has not returned", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  const auto old = ledger.detach(kA);
  REQUIRE(old);
  ledger.allocate(kA, 30, kThere);

  SECTION("and the realloc succeeds") {
    ledger.free_detached(*old);
    ledger.allocate(kB, 200, kHere);
    CHECK(ledger.find(kA)->size == 30);
    CHECK(ledger.totals().size == 230);
    CHECK(ledger.totals().missed_frees == 0);
  }
  SECTION("and reallocs it, too") {
    const auto theirs = ledger.detach(kA);
    REQUIRE(theirs);
    ledger.free_detached(*theirs);
    CHECK(ledger.totals().size == 100);
    ledger.free_detached(*old);
    CHECK(ledger.totals().size == 0);
  }
  SECTION("and the realloc fails: the old block's free was missed") {
    ledger.reattach(*old);
    CHECK(ledger.find(kA)->size == 30);
    CHECK(ledger.totals().size == 30);
    CHECK(ledger.totals().missed_frees == 1);
  }
  CHECK(is_balanced(ledger));
}

TEST_CASE("The peak is kept in total and for each origin", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  ledger.free(kA);
  ledger.allocate(kA, 60, kThere);
  ledger.allocate(kB, 20, kHere);
  CHECK(ledger.totals().peak == 100);
  CHECK(ledger.counts().at(0).peak == 100);
  CHECK(ledger.counts().at(1).peak == 60);

  ledger.reset_peak();
  CHECK(ledger.totals().peak == 80);
  CHECK(ledger.counts().at(0).peak == 20);
  CHECK(ledger.counts().at(1).peak == 60);
}

TEST_CASE("Blocks of two spaces can have one address", "[unit]") {
  constexpr Space kPool{7};
  Ledger ledger;
  ledger.allocate(kA, 100, kHere);
  ledger.allocate(kA, 10, kThere, kPool);
  CHECK(ledger.totals().count == 2);
  CHECK(ledger.totals().missed_frees == 0);
  CHECK(ledger.find(kA)->size == 100);
  CHECK(ledger.find(kA, kPool)->size == 10);
  const auto old = ledger.detach(kA, kPool);
  REQUIRE(old);
  CHECK(ledger.find(kA, kPool) == nullptr);
  ledger.reattach(*old);
  CHECK(ledger.find(kA, kPool)->size == 10);
  CHECK(ledger.free(kA));
  CHECK_FALSE(ledger.free(kA));
  CHECK(ledger.free(kA, kPool));
  CHECK(is_balanced(ledger));
}

TEST_CASE("A pool takes its own blocks back, or a space all", "[unit]") {
  constexpr Space kPool{1};
  Ledger ledger;
  ledger.allocate(kA, 1, kHere);
  for (const std::uint64_t block : {0x1000U, 0x2000U, 0x3000U, 0x4000U}) {
    ledger.allocate({block}, 10, kThere, kPool, block % 0x2000);
  }
  ledger.free_pool(kPool, 0x1000);
  CHECK(ledger.totals().count == 3);
  CHECK(ledger.find({0x1000}, kPool) == nullptr);
  CHECK(ledger.find({0x2000}, kPool) != nullptr);
  CHECK(ledger.find({0x3000}, kPool) == nullptr);
  ledger.free_pool(kPool, 0x7000);
  CHECK(ledger.totals().count == 3);
  ledger.free_pool(kPool, std::nullopt);
  CHECK(ledger.totals().count == 1);
  CHECK(ledger.totals().frees == 4);
  CHECK(ledger.find(kA) != nullptr);
  CHECK(is_balanced(ledger));
}

TEST_CASE("Clear forgets everything but the epoch", "[unit]") {
  Ledger ledger;
  ledger.set_epoch(4);
  ledger.allocate(kA, 100, kHere);
  ledger.allocate(kB, 50, kHere);
  const auto old = ledger.detach(kB);
  REQUIRE(old);
  ledger.clear();
  CHECK(ledger.totals() == Totals{});
  CHECK(ledger.counts().empty());
  CHECK(ledger.blocks().empty());

  SECTION("a realloc of before succeeds as an unknown free") {
    ledger.free_detached(*old);
    CHECK(ledger.totals() == Totals{.unknown_frees = 1});
  }
  SECTION("a realloc of before fails without bringing its block back") {
    ledger.reattach(*old);
    CHECK(ledger.find(kB) == nullptr);
    CHECK(ledger.totals() == Totals{});
  }
  ledger.allocate(kA, 1, kHere);
  CHECK(ledger.find(kA)->epoch == 4);
}

TEST_CASE("Origins are counted apart by traceback, domain and thread", "[unit]") {
  Ledger ledger;
  ledger.allocate(kA, 1, kHere);
  ledger.allocate(kB, 2, {TracebackId{1}, DomainId{1}, ThreadId{0}});
  ledger.allocate(Address{0x3000}, 3, {TracebackId{1}, DomainId{0}, ThreadId{1}});
  ledger.allocate(Address{0x4000}, 4, kHere);
  REQUIRE(ledger.counts().size() == 3);
  CHECK(ledger.counts().at(0).size == 5);
  const auto snapshot = take_snapshot(ledger);
  CHECK(snapshot.size == 10);
  CHECK(snapshot.count == 4);
  CHECK(snapshot.tracebacks() == 1);
}

TEST_CASE("What an origin ever gave is counted, and kept when all of it is freed", "[unit]") {
  Ledger ledger;
  const Origin other{TracebackId{2}, DomainId{0}, ThreadId{0}};
  const Origin of_other_thread{TracebackId{2}, DomainId{0}, ThreadId{1}};
  ledger.allocate(Address{0x1000}, 10, kHere);
  ledger.allocate(Address{0x2000}, 20, kHere);
  ledger.allocate(Address{0x3000}, 5, other);
  ledger.allocate(Address{0x4000}, 7, of_other_thread);
  for (const std::uint64_t address : {0x2000U, 0x3000U, 0x4000U}) {
    ledger.free(Address{address});
  }
  const auto snapshot = take_snapshot(ledger);
  REQUIRE(snapshot.counts.size() == 1);
  CHECK(snapshot.counts[0].allocated == 30);
  CHECK(snapshot.counts[0].allocations == 2);
  CHECK(snapshot.freed ==
        std::vector<FreedCount>{{TracebackId{2}, DomainId{0}, 5, 1}, {TracebackId{2}, DomainId{0}, 7, 1}});
  ledger.clear();
  CHECK(take_snapshot(ledger).freed.empty());
}

TEST_CASE("The books balance after any sequence of events", "[unit]") {
  Ledger ledger;
  std::mt19937 random(20240917);
  std::map<std::uint64_t, std::uint64_t> model;  // what is live by the test's own account
  std::vector<Block> detached;
  for (int i = 0; i < 20000; ++i) {
    const Address address{0x1000 + random() % 64 * 16};
    const Origin origin{.traceback = TracebackId{static_cast<std::uint32_t>(random() % 7)}};
    const std::uint64_t size = random() % 1000;
    switch (random() % 5) {
      case 0:
      case 1:
        ledger.allocate(address, size, origin);
        model[address.value] = size;
        break;
      case 2:
        CHECK(ledger.free(address) == (model.erase(address.value) == 1));
        break;
      case 3:
        if (const auto block = ledger.detach(address)) {
          detached.push_back(*block);
          model.erase(address.value);
        }
        break;
      default:
        if (!detached.empty()) {
          const auto block = detached.back();
          detached.pop_back();
          if (random() % 2 == 0) {
            ledger.free_detached(block);
          } else {
            ledger.reattach(block);
            model.try_emplace(block.address.value, block.size);
          }
        }
    }
  }
  std::ranges::for_each(detached, [&](const Block& block) { ledger.free_detached(block); });
  std::uint64_t size = 0;
  for (const auto& [address, bytes] : model) {
    size += bytes;
  }
  CHECK(is_balanced(ledger));
  CHECK(ledger.totals().size == size);
  CHECK(ledger.totals().count == model.size());
  CHECK(ledger.blocks().size() == model.size());
}

}  // namespace
}  // namespace memsnap
