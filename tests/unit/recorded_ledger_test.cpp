#include "core/recorder/ledger.h"

#include "tests/catch.h"

namespace memsnap {
namespace {

RecordedBooks books_of(std::vector<RecordedOrigin> origins) {
  RecordedBooks books;
  books.origins = std::move(origins);
  return books;
}

TEST_CASE("A ledger of empty books is empty", "[unit][recorder_reader]") {
  const RecordedLedger ledger;
  CHECK(ledger.totals({}) == Totals{});
  CHECK(ledger.live({}).empty());
}

TEST_CASE("What is live is the difference of the counters", "[unit][recorder_reader]") {
  const RecordedLedger ledger;
  auto books = books_of({{1, 1, 0, 10, 1000, 4, 400}, {2, 1, 0, 3, 30, 3, 30}, {}, {4, 2, 0, 2, 0, 1, 0}});
  books.unknown_frees = 5;
  books.missed_frees = 2;
  books.peak = 900;
  CHECK(ledger.live(books) == std::vector<LiveOrigin>{{1, 600, 6}, {4, 0, 1}});
  CHECK(ledger.totals(books) == Totals{.size = 600,
                                       .count = 7,
                                       .peak = 900,
                                       .allocations = 15,
                                       .frees = 8,
                                       .allocated = 1030,
                                       .unknown_frees = 5,
                                       .missed_frees = 2});
}

TEST_CASE("What an origin gave is counted since the last clear, with what is under way then",
          "[unit][recorder_reader]") {
  RecordedLedger ledger;
  auto books = books_of({{1, 1, 0, 10, 1000, 4, 400}, {2, 1, 0, 3, 30, 3, 30}, {}});
  CHECK(ledger.given(books) == std::vector<GivenByOrigin>{{1000, 10}, {30, 3}, {0, 0}});
  books.pending = {{.thread = 1, .completed = 17, .is_free = false, .block = {{0x5000}, 50, 1, 0}}};
  ledger.clear(books);
  CHECK(ledger.given(books) == std::vector<GivenByOrigin>{{0, 0}, {0, 0}, {0, 0}});
  books.pending.clear();
  books.origins[0].allocated_count += 3;  // the one that was under way, and two new ones
  books.origins[0].allocated_bytes += 50 + 7 + 8;
  CHECK(ledger.given(books) == std::vector<GivenByOrigin>{{15, 2}, {0, 0}, {0, 0}});
}

TEST_CASE("The peak is never below what is live", "[unit][recorder_reader]") {
  const RecordedLedger ledger;
  auto books = books_of({{1, 1, 0, 1, 1000, 0, 0}});
  books.peak = 10;
  CHECK(ledger.totals(books).peak == 1000);
}

TEST_CASE("What clear forgot stays forgotten", "[unit][recorder_reader]") {
  RecordedLedger ledger;
  auto books = books_of({{1, 1, 0, 10, 1000, 4, 400}});
  books.unknown_frees = 5;
  books.missed_frees = 2;
  books.peak = 900;
  ledger.clear(books);
  books.peak = 0;
  CHECK(ledger.totals(books) == Totals{});
  CHECK(ledger.live(books).empty());

  // A free of a forgotten block is an unknown one, so `freed` only counts new blocks.
  books.origins = {{1, 1, 0, 13, 1030, 5, 410}, {2, 1, 0, 1, 7, 0, 0}};
  books.unknown_frees = 8;
  books.peak = 45;
  CHECK(ledger.live(books) == std::vector<LiveOrigin>{{1, 20, 2}, {2, 7, 1}});
  CHECK(ledger.totals(books) == Totals{.size = 27,
                                       .count = 3,
                                       .peak = 45,
                                       .allocations = 4,
                                       .frees = 1,
                                       .allocated = 37,
                                       .unknown_frees = 3,
                                       .missed_frees = 0});
  ledger.clear(books);
  books.peak = 0;
  CHECK(ledger.totals(books) == Totals{});
}

TEST_CASE("A change that is pending at a clear counts for nothing before and after", "[unit][recorder_reader]") {
  RecordedLedger ledger;
  const PendingChange allocation{.thread = 1, .completed = 9, .is_free = false, .block = {{0x10}, 50, 1, 0}};
  const PendingChange free{.thread = 2, .completed = 4, .is_free = true, .block = {{0x20}, 100, 1, 0}};
  auto books = books_of({{1, 1, 0, 10, 1000, 4, 400}});
  books.pending = {allocation, free};
  ledger.clear(books);
  CHECK(ledger.totals(books) == Totals{});
  CHECK(ledger.live(books).empty());
  CHECK(ledger.forgets(books, free.block));
  CHECK_FALSE(ledger.forgets(books, allocation.block));

  SECTION("one is over") {
    books.origins[0].freed_count += 1;
    books.origins[0].freed_bytes += 100;
    books.pending = {allocation};
    CHECK(ledger.totals(books) == Totals{});
    CHECK(ledger.live(books).empty());
    CHECK_FALSE(ledger.forgets(books, free.block));
  }
  SECTION("both are over, and an equal one has begun") {
    books.origins[0] = {1, 1, 0, 11, 1050, 5, 500};
    books.pending = {allocation};
    books.pending[0].completed += 1;
    CHECK(ledger.totals(books) == Totals{});
    CHECK(ledger.live(books).empty());
  }
}

TEST_CASE("reset_peak makes the peak what the books have live", "[unit][recorder_reader]") {
  RecordedLedger ledger;
  auto books = books_of({{1, 1, 0, 10, 1000, 4, 400}});
  books.peak = 900;
  ledger.reset_peak(books);
  books.peak = 0;
  CHECK(ledger.totals(books).peak == 600);
  books.origins[0] = {1, 1, 0, 10, 1000, 5, 500};
  CHECK(ledger.totals(books).peak == 600);
  books.peak = 650;
  CHECK(ledger.totals(books).peak == 650);
}

}  // namespace
}  // namespace memsnap
