#include "tests/recorder/program_books.h"

#include <memory>

#include "tests/catch.h"
#include "tests/targets/recorded/books.h"

namespace memsnap::test {

Base base_of(Recorded& recorded) { return {recorded.blocks(), recorded.totals()}; }

void check_books(Recorded& recorded, std::uint64_t address, const Base& base) {
  const auto books = std::make_unique<::books>(recorded.read<::books>(address));
  const auto totals = recorded.totals();
  CHECK(totals.allocations - base.totals.allocations == books->allocations);
  CHECK(totals.frees - base.totals.frees == books->frees);
  CHECK(totals.allocated - base.totals.allocated == books->allocated);
  CHECK(totals.size - base.totals.size == books->size);
  CHECK(totals.count - base.totals.count == books->allocations - books->frees);
  CHECK(totals.unknown_frees == base.totals.unknown_frees);
  CHECK(totals.missed_frees == base.totals.missed_frees);
  CHECK(recorded.not_recorded() == 0);
  CHECK(recorded.faults().empty());
  CHECK(recorded.blocks() == with_books(recorded, address, base));
}

Blocks with_books(Recorded& recorded, std::uint64_t address, const Base& base) {
  const auto books = std::make_unique<::books>(recorded.read<::books>(address));
  auto blocks = base.blocks;
  for (const auto& each : books->live) {
    if (each.address != 0) {
      blocks.emplace(each.address, each.size);
    }
  }
  return blocks;
}

}  // namespace memsnap::test
