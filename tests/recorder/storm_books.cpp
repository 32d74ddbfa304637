#include "tests/recorder/storm_books.h"

#include <algorithm>

#include "tests/catch.h"

namespace memsnap::test {
namespace {

// Takes out a block that may be there.
bool take_if(Blocks& blocks, std::uint64_t address, std::uint64_t size) {
  const auto [first, last] = blocks.equal_range(address);
  const auto found = std::find(first, last, Blocks::value_type(address, size));
  const bool is_there = found != last;
  if (is_there) {
    blocks.erase(found);
  }
  return is_there;
}

// Takes out a block that must be there.
void take(Blocks& blocks, std::uint64_t address, std::uint64_t size) {
  INFO("block of " << size << " bytes at " << std::hex << address);
  REQUIRE(take_if(blocks, address, size));
}

// The same for one whose address is not written down yet.
bool take_size(Blocks& blocks, std::uint64_t size) {
  const auto found = std::ranges::find(blocks, size, &Blocks::value_type::second);
  const bool is_there = found != blocks.end();
  if (is_there) {
    blocks.erase(found);
  }
  return is_there;
}

}  // namespace

StormBooks::StormBooks(Recorded& recorded, std::uint64_t address)
    : storm_(std::make_unique<storm>(recorded.read<storm>(address))) {}

std::size_t StormBooks::calls_under_way() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(storm_->journals, [](const storm_journal& each) { return each.call != kStormNone; }));
}

std::set<std::uint64_t> StormBooks::records_under_way() const {
  std::set<std::uint64_t> numbers;
  for (const auto& journal : storm_->journals) {
    if (journal.call != kStormNone) {
      numbers.insert(journal.record);
    }
  }
  return numbers;
}

std::set<std::size_t> StormBooks::take_old(Blocks& blocks) const {
  std::set<std::size_t> before;
  for (std::size_t thread = 0; thread < kStormThreads; ++thread) {
    const auto& journal = storm_->journals[thread];
    if (journal.call != kStormNone && take_if(blocks, journal.old_address, journal.old_size)) {
      before.insert(thread);
    }
  }
  return before;
}

bool StormBooks::take_new(Blocks& blocks, std::size_t thread) const {
  const auto& journal = storm_->journals[thread];
  return (journal.call == kStormAllocate || journal.call == kStormReallocate) && take_size(blocks, journal.new_size);
}

void StormBooks::check_part(Recorded& recorded) const {
  auto blocks = recorded.blocks();
  const auto count = blocks.size();
  const auto under_way = records_under_way();
  for (std::uint64_t number = 0; number < std::size(storm_->records); ++number) {
    const auto& record = storm_->records[number];
    if (record.address != 0 && !under_way.contains(number)) {
      take_if(blocks, record.address, record.size);
    }
  }
  const auto before = take_old(blocks);
  for (std::size_t thread = 0; thread < kStormThreads; ++thread) {
    if (!before.contains(thread)) {
      take_new(blocks, thread);
    }
  }
  CHECK(blocks.empty());
  const auto totals = recorded.totals();
  CHECK(totals.count <= count);
  CHECK(totals.count + before.size() >= count);
  CHECK(totals.missed_frees == 0);
  CHECK(recorded.not_recorded() == 0);
  CHECK(recorded.faults().empty());
}

void StormBooks::check(Recorded& recorded, const Base& base) const {
  auto blocks = recorded.blocks();
  const auto totals = recorded.totals();
  CHECK(totals.count == blocks.size());
  std::uint64_t size = 0;
  for (const auto& [address, bytes] : blocks) {
    size += bytes;
  }
  CHECK(totals.size == size);

  const auto under_way = records_under_way();
  for (const auto& [address, bytes] : base.blocks) {
    take(blocks, address, bytes);
  }
  for (std::uint64_t number = 0; number < std::size(storm_->records); ++number) {
    const auto& record = storm_->records[number];
    if (record.address != 0 && !under_way.contains(number)) {
      take(blocks, record.address, record.size);
    }
  }
  auto allocations = base.totals.allocations;
  auto frees = base.totals.frees;
  const auto before = take_old(blocks);
  for (std::size_t thread = 0; thread < kStormThreads; ++thread) {
    const auto& journal = storm_->journals[thread];
    const bool is_under_way = journal.call != kStormNone;
    allocations += is_under_way ? journal.allocations_before : journal.allocations;
    frees += is_under_way ? journal.frees_before : journal.frees;
    if (!is_under_way || before.contains(thread)) {
      continue;
    }
    const bool has_new = take_new(blocks, thread);
    CHECK((journal.call != kStormReallocate || has_new));
    allocations += has_new ? 1 : 0;
    frees += journal.old_address != 0 ? 1 : 0;
  }
  CHECK(blocks.empty());
  CHECK(totals.allocations == allocations);
  CHECK(totals.frees == frees);
  CHECK(totals.unknown_frees == base.totals.unknown_frees);
  CHECK(totals.missed_frees == 0);
  CHECK(recorded.not_recorded() == 0);
}

}  // namespace memsnap::test
