// A stop at any instruction shows the books as they were before a call or as they are after it.

#include <algorithm>

#include "tests/catch.h"
#include "tests/recorder/recorded.h"

namespace memsnap::test {
namespace {

constexpr AddressRange kAnywhere{{0}, {~std::uint64_t{0}}};

// What of a look can be had fast where there are many blocks.
struct Digest {
  Totals totals;
  std::uint64_t count = 0;
  std::uint64_t sum = 0;  // over all blocks, in whatever order they come

  bool operator==(const Digest&) const = default;
};

Digest digest(Recorded& recorded) {
  Digest digest{.totals = recorded.totals()};
  const auto done = recorded.reader().for_each_block([&](const RecordedBlock& block) {
    ++digest.count;
    auto mixed = block.address.value * 0x9e3779b97f4a7c15ULL + block.size;
    mixed = (mixed ^ mixed >> 29) * 0xd6e8feb86659fd93ULL + block.origin;
    digest.sum += mixed ^ mixed >> 32;
    return true;
  });
  REQUIRE(done.has_value());
  return digest;
}

struct Steps {
  std::size_t instructions = 0;
  std::size_t switches = 0;  ///< from one state of the books to another
};

// Goes on to after(), one instruction at a time, and looks at each that stands in `where` or is reached from there.
// Leaves the last look in `now`.
template <typename State, typename Look>
Steps step_to_after(Recorded& recorded, OsThreadId thread, State& now, Look look, AddressRange where) {
  const auto end = recorded.debugger.find_function("after").value;
  Steps steps;
  for (auto pc = recorded.pc(thread); pc != end;) {
    const bool was_there = where.contains({pc});
    REQUIRE(recorded.debugger.single_step(thread));
    ++steps.instructions;
    pc = recorded.pc(thread);
    const bool is_looked_at = (was_there || where.contains({pc})) && steps.instructions % kLookEach == 0;
    if (!is_looked_at && pc != end) {
      continue;
    }
    if (auto next = look(recorded); next != now) {
      INFO("instruction " << steps.instructions << ", at " << std::hex << pc);
      CHECK(steps.switches == 0);
      ++steps.switches;
      now = std::move(next);
    }
  }
  return steps;
}

Look full_look(Recorded& recorded) { return recorded.look(); }

void check_step(const Look& before, const Look& after, std::uint64_t gives, std::uint64_t takes) {
  CHECK(after.totals.allocations == before.totals.allocations + gives);
  CHECK(after.totals.frees == before.totals.frees + takes);
  CHECK(after.totals.count == before.totals.count + gives - takes);
  CHECK(after.totals.count == after.blocks.size());
  CHECK(after.totals.unknown_frees == 0);
  CHECK(after.totals.missed_frees == 0);
  std::uint64_t size = 0;
  for (const auto& block : after.blocks) {
    size += block.size;
  }
  CHECK(after.totals.size == size);
}

TEST_CASE("a stop at any instruction of an allocator call is before it or after it", "[recorder]") {
  Recorded recorded;
  recorded.launch("stepped");
  const auto begin = recorded.debugger.find_function("before");
  std::size_t calls = 0;
  for (;; ++calls) {
    const auto stop = recorded.debugger.run_to({begin});
    if (stop.kind == Stop::Kind::exited) {
      break;
    }
    REQUIRE(stop.kind == Stop::Kind::reached);
    const auto name = recorded.read_text(recorded.argument(stop.thread, 0));
    const auto gives = recorded.argument(stop.thread, 1);
    const auto takes = recorded.argument(stop.thread, 2);
    const auto before = recorded.look();
    auto after = before;
    const auto steps = step_to_after(recorded, stop.thread, after, full_look, kAnywhere);
    INFO(name << ": " << steps.instructions << " instructions");
    check_step(before, after, gives, takes);
    CHECK(recorded.not_recorded() == 0);
    CHECK(steps.switches == (gives + takes == 0 ? 0 : 1));
    CHECK(steps.instructions > 10);
  }
  CHECK(calls == 16);
}

struct LookWithFreed {
  Look look;
  std::vector<RecordedFreed> freed;

  bool operator==(const LookWithFreed&) const = default;
};

TEST_CASE("a stop at any instruction of an allocator call shows a freed block once it is freed", "[recorder]") {
  Recorded recorded(32, 1000);
  recorded.launch("stepped");
  const auto begin = recorded.debugger.find_function("before");
  const auto look = [](Recorded& at) { return LookWithFreed{at.look(), at.freed()}; };
  std::size_t freed = 0;
  for (std::size_t calls = 0; calls < 13; ++calls) {
    const auto thread = recorded.run_to(begin);
    const auto name = recorded.read_text(recorded.argument(thread, 0));
    const auto takes = recorded.argument(thread, 2);
    const auto gives = recorded.argument(thread, 1);
    const auto before = look(recorded);
    auto after = before;
    // No other code writes to the books.
    const auto steps = step_to_after(recorded, thread, after, look, recorded.recorder_code());
    INFO(name << ": " << steps.instructions << " instructions");
    check_step(before.look, after.look, gives, takes);
    CHECK(steps.switches == (gives + takes == 0 ? 0 : 1));
    freed += takes;
    CHECK(after.freed.size() == before.freed.size() + takes);
    if (takes != 0) {
      CHECK(std::ranges::count(before.look.blocks, after.freed.front().block) == 1);
      CHECK(std::ranges::count(after.look.blocks, after.freed.front().block) == 0);
    }
  }
  CHECK(freed >= 6);
  CHECK(recorded.faults().empty());
}

// As core/recorder/code/blocks.h has it.
layout::Shard shard_of(Recorded& recorded, std::uint64_t address) {
  const auto number = (address >> 16) * 0x9e3779b97f4a7c15ULL >> (64 - layout::kShardBits);
  const auto shards = recorded.engine().control().value + offsetof(layout::Control, shards);
  return recorded.read<layout::Shard>(shards + number * sizeof(layout::Shard));
}

// Whether a block at `address` makes a table grow that is neither so small that there is nothing to see nor so large
// that a look at each instruction takes minutes.
bool will_grow(Recorded& recorded, std::uint64_t address) {
  const auto shard = shard_of(recorded, address);
  if (shard.table == 0) {
    return false;
  }
  const auto slots = recorded.read<layout::BlockTable>(shard.table).capacity;
  return slots >= 500 && slots < 1000 && (shard.count + 1) * 4 > slots * 3;
}

TEST_CASE("a stop at any instruction while the table of blocks grows is before the call or after it", "[recorder]") {
  Recorded recorded;
  recorded.launch("stepped", {"growth"});
  std::uint64_t block = 0;
  OsThreadId thread{};
  const auto expect = recorded.debugger.find_function("expect");
  do {
    thread = recorded.run_to(expect);
    block = recorded.argument(thread, 0);
  } while (!will_grow(recorded, block));
  const auto table = shard_of(recorded, block).table;
  // No other code writes to the books.
  const auto recorder = recorded.recorder_code();
  const auto before = digest(recorded);
  auto after = before;
  const auto steps = step_to_after(recorded, thread, after, digest, recorder);
  CHECK(steps.switches == 1);
  CHECK(shard_of(recorded, block).table != table);
  CHECK(after.count == before.count + 1);
  CHECK(after.totals.count == after.count);
  CHECK(after.totals.allocations == before.totals.allocations + 1);
  CHECK(recorded.blocks().contains(block));

  // In a table this full, a free moves other blocks.
  for (int i = 0; i < 5; ++i) {
    thread = recorded.run_to("before");
    const auto full = digest(recorded);
    auto freed = full;
    const auto taken = step_to_after(recorded, thread, freed, digest, recorder);
    CHECK(taken.switches == 1);
    CHECK(freed.count == full.count - 1);
    CHECK(freed.totals.count == freed.count);
    CHECK(freed.totals.frees == full.totals.frees + 1);
  }
  CHECK(recorded.not_recorded() == 0);
}

}  // namespace
}  // namespace memsnap::test
