// Stops after each single store of the recorder's operations, in the order in which its code makes them. The books
// must be those before the operation or those after it, and blocks and counts must say the same at each of them.

#include <functional>

#include "core/recorder/ledger.h"
#include "tests/catch.h"
#include "tests/unit/fake_recorder.h"

namespace memsnap {
namespace {

using layout::BlockEntry;
using layout::make_block;
using layout::OperationKind;
using layout::OriginRecord;
using layout::ThreadState;
using test::FakeRecorder;

struct View {
  std::vector<RecordedBlock> blocks;
  std::vector<LiveOrigin> live;
  Totals totals;

  bool operator==(const View&) const = default;
};

class Inferior {
 public:
  Inferior() {
    thread = recorder.add_thread(1);
    other = recorder.add_thread(2);
    recorder.add_origin(1);
    recorder.add_origin(2);
    recorder.count(1, 3, 300, 1, 100);
    recorder.count(2, 2, 64);
    recorder.put(recorder.slot(0, 4), make_block(0x1000, 120, 1, 0));
    recorder.put(recorder.slot(0, 5), make_block(0x2000, 80, 1, 1));
    recorder.put(recorder.slot(1, 0), make_block(0x3000, 32, 2, 0));
    recorder.put(recorder.slot(1, 1), make_block(0x4000, 32, 2, 0));
    recorder.add_foreign(thread, {{2, 0, 0}});
    foreign = recorder.get<std::uint64_t>(FakeRecorder::field(thread, &ThreadState::foreign)) +
              sizeof(layout::ForeignTable) + (FakeRecorder::kSlots - 1) * sizeof(layout::ForeignFrees);
  }

  View view() {
    const auto books = recorder.books();
    return {recorder.blocks(), ledger.live(books), ledger.totals(books)};
  }

  // Makes the store, then stops.
  template <typename T>
  void store(std::uint64_t address, T value) {
    recorder.put(address, value);
    at_stop();
  }
  std::uint64_t own(auto field) const { return FakeRecorder::field(thread, field); }
  std::uint64_t operation(std::size_t offset) const { return own(&ThreadState::operation) + offset; }

  // `counters` are the first of two each.
  void begin(OperationKind kind, std::uint64_t block, const BlockEntry& entry, std::vector<std::uint64_t> counters) {
    store(operation(offsetof(layout::Operation, old)), entry);
    store(operation(offsetof(layout::Operation, block)), block);
    for (std::size_t i = 0; i < counters.size(); ++i) {
      const auto undo = operation(offsetof(layout::Operation, undo)) + i * sizeof(layout::Undo);
      store(undo, counters[i]);
      store(undo + 8, recorder.get<std::uint64_t>(counters[i]));
      store(undo + 16, recorder.get<std::uint64_t>(counters[i] + 8));
    }
    store(operation(offsetof(layout::Operation, kind)), kind);
  }
  void add(std::uint64_t counters, std::uint64_t bytes) {
    store(counters, recorder.get<std::uint64_t>(counters) + 1);
    store(counters + 8, recorder.get<std::uint64_t>(counters + 8) + bytes);
  }
  void settle(OperationKind kind) { store(operation(offsetof(layout::Operation, kind)), kind); }
  void lock(std::uint32_t shard) { store(FakeRecorder::shard(shard), std::uint32_t{1}); }
  void unlock(std::uint32_t shard) { store(FakeRecorder::shard(shard), std::uint32_t{0}); }
  void busy(std::uint32_t value) { store(own(&ThreadState::busy), value); }
  void fill(std::uint64_t slot, const BlockEntry& block) {
    store(slot + 8, block.high);
    store(slot, block.low);
  }
  // Slot 4 of shard 0 or 0 of shard 1; the next one moves up.
  void erase(std::uint32_t shard, std::uint64_t slot) {
    store(recorder.slot(shard, slot), std::uint64_t{0});
    fill(recorder.slot(shard, slot), recorder.get<BlockEntry>(recorder.slot(shard, slot + 1)));
    store(recorder.slot(shard, slot + 1), std::uint64_t{0});
  }
  std::uint64_t allocated() { return FakeRecorder::field(recorder.record(1), &OriginRecord::allocated_count); }
  std::uint64_t freed() { return FakeRecorder::field(recorder.record(1), &OriginRecord::freed_count); }

  void free_own() {
    busy(1);
    lock(0);
    begin(OperationKind::free, 0x1000, make_block(0x1000, 120, 1, 0), {freed()});
    erase(0, 4);
    unlock(0);
    add(freed(), 120);
    settle(OperationKind::none);
    busy(0);
  }
  void free_foreign() {
    busy(1);
    lock(1);
    begin(OperationKind::free, 0x3000, make_block(0x3000, 32, 2, 0), {foreign + 8});
    erase(1, 0);
    unlock(1);
    add(foreign + 8, 32);
    settle(OperationKind::none);
    busy(0);
  }
  void allocate(std::uint64_t address) {
    const auto block = make_block(address, 55, 1, 2);
    busy(1);
    lock(0);
    begin(OperationKind::allocate, address, block, {allocated()});
    fill(recorder.slot(0, 9), block);
    unlock(0);
    add(allocated(), 55);
    settle(OperationKind::none);
    busy(0);
  }
  void detach() {
    busy(1);
    lock(0);
    const auto block = recorder.get<BlockEntry>(recorder.slot(0, 4));
    store(own(&ThreadState::detached) + 8, block.high);
    store(own(&ThreadState::detached), block.low);
    erase(0, 4);
    unlock(0);
    busy(0);
  }
  void reallocate(std::uint64_t address) {
    const auto old = recorder.get<BlockEntry>(own(&ThreadState::detached));
    const auto block = make_block(address, 240, 1, 2);
    busy(1);
    lock(0);
    begin(OperationKind::reallocate, address, block, {freed(), allocated()});
    fill(recorder.slot(0, 9), block);
    unlock(0);
    add(freed(), layout::block_size(old));
    add(allocated(), 240);
    settle(OperationKind::settled);
    store(own(&ThreadState::detached), std::uint64_t{0});
    settle(OperationKind::none);
    busy(0);
  }
  void attach_again() {
    busy(1);
    lock(0);
    fill(recorder.slot(0, 9), recorder.get<BlockEntry>(own(&ThreadState::detached)));
    unlock(0);
    store(own(&ThreadState::detached), std::uint64_t{0});
    busy(0);
  }

  FakeRecorder recorder;
  std::uint64_t thread = 0;
  std::uint64_t other = 0;
  std::uint64_t foreign = 0;
  RecordedLedger ledger;
  std::function<void()> at_stop = [] {};
};

bool is_balanced(const View& view) {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  for (const auto& live : view.live) {
    size += live.size;
    count += live.count;
  }
  std::uint64_t block_size = 0;
  for (const auto& block : view.blocks) {
    block_size += block.size;
  }
  const auto& totals = view.totals;
  return totals.count == totals.allocations - totals.frees && totals.count == count && view.blocks.size() == count &&
         size == totals.size && block_size == size;
}

// Checks that `operation` happens all at once.
void check_stops(Inferior& inferior, const std::function<void()>& operation) {
  const auto before = inferior.view();
  REQUIRE(is_balanced(before));
  std::vector<View> seen;
  inferior.at_stop = [&] { seen.push_back(inferior.view()); };
  operation();
  inferior.at_stop = [] {};
  const auto after = inferior.view();
  REQUIRE(is_balanced(after));
  bool has_happened = false;
  for (std::size_t stop = 0; stop < seen.size(); ++stop) {
    INFO("after store " << stop + 1 << " of " << seen.size());
    has_happened = has_happened || seen[stop] != before;
    CHECK(seen[stop] == (has_happened ? after : before));
  }
}

TEST_CASE("Each operation happens all at once", "[unit][recorder_reader]") {
  Inferior inferior;
  SECTION("the free of an own block") {
    check_stops(inferior, [&] { inferior.free_own(); });
    CHECK(inferior.view().totals.frees == 2);
  }
  SECTION("the free of another thread's block") {
    check_stops(inferior, [&] { inferior.free_foreign(); });
    CHECK(inferior.view().totals.frees == 2);
  }
  SECTION("an allocation") {
    check_stops(inferior, [&] { inferior.allocate(0x5000); });
    CHECK(inferior.view().totals.allocations == 6);
  }
  SECTION("an allocation where a block was just freed") {
    inferior.free_own();
    check_stops(inferior, [&] { inferior.allocate(0x1000); });
  }
  SECTION("the first half of a realloc, which changes nothing") {
    const auto before = inferior.view();
    check_stops(inferior, [&] { inferior.detach(); });
    CHECK(inferior.view() == before);
  }
  SECTION("the second half of a realloc in place") {
    inferior.detach();
    check_stops(inferior, [&] { inferior.reallocate(0x1000); });
    CHECK(inferior.view().totals.frees == 2);
    CHECK(inferior.view().totals.allocations == 6);
  }
  SECTION("the second half of a realloc that moves the block") {
    inferior.detach();
    check_stops(inferior, [&] { inferior.reallocate(0x5000); });
  }
  SECTION("the second half of a realloc that fails, which changes nothing") {
    const auto before = inferior.view();
    inferior.detach();
    check_stops(inferior, [&] { inferior.attach_again(); });
    CHECK(inferior.view() == before);
  }
}

TEST_CASE("While a realloc runs, its old address may be another thread's new block", "[unit][recorder_reader]") {
  Inferior inferior;
  inferior.detach();
  std::uint32_t origin = 2;
  std::uint64_t size = 32;
  std::uint32_t epoch = 2;
  SECTION("of another origin") { inferior.recorder.count(2, 3, 96); }
  SECTION("of the same") {
    inferior.recorder.count(1, 4, 420, 1, 100);
    origin = 1;
    size = 120;
    epoch = 0;
  }
  inferior.recorder.put(inferior.recorder.slot(0, 12), make_block(0x1000, size, origin, epoch));
  const auto view = inferior.view();
  CHECK(is_balanced(view));
  REQUIRE(view.blocks.size() == 5);
  CHECK(view.blocks[0] == RecordedBlock{{0x1000}, size, origin, epoch});
  CHECK(view.blocks[1] == RecordedBlock{{0x1000}, 120, 1, 0});
}

TEST_CASE("What was under way at a clear never comes into the books", "[unit][recorder_reader]") {
  struct Case {
    const char* name;
    std::function<void(Inferior&)> first;
    std::function<void(Inferior&)> operation;
    std::size_t pending;  // changes, once it has begun
  };
  const std::vector<Case> cases = {
      {"free", [](Inferior&) {}, [](Inferior& inferior) { inferior.free_own(); }, 1},
      {"foreign free", [](Inferior&) {}, [](Inferior& inferior) { inferior.free_foreign(); }, 1},
      {"allocate", [](Inferior&) {}, [](Inferior& inferior) { inferior.allocate(0x5000); }, 1},
      {"reallocate", [](Inferior& inferior) { inferior.detach(); },
       [](Inferior& inferior) { inferior.reallocate(0x5000); }, 2},
  };
  for (const auto& each : cases) {
    std::size_t stops = 0;
    {
      Inferior inferior;
      each.first(inferior);
      inferior.at_stop = [&] { ++stops; };
      each.operation(inferior);
    }
    std::size_t clears_under_way = 0;
    for (std::size_t stop = 0; stop < stops; ++stop) {
      Inferior inferior;
      each.first(inferior);
      std::size_t made = 0;
      bool is_under_way = false;
      inferior.at_stop = [&] {
        if (made++ == stop) {
          inferior.ledger.clear(inferior.recorder.books());
          is_under_way = inferior.recorder.books().pending.size() == each.pending;
        }
        if (made <= stop || !is_under_way) {
          return;
        }
        INFO(each.name << ", clear after store " << stop + 1 << ", looked at after store " << made << " of " << stops);
        const auto books = inferior.recorder.books();
        CHECK(inferior.ledger.live(books).empty());
        CHECK(inferior.ledger.totals(books) == Totals{});
      };
      each.operation(inferior);
      clears_under_way += is_under_way ? 1 : 0;
    }
    INFO(each.name);
    CHECK(clears_under_way > 5);
  }
}

TEST_CASE("A realloc under way at a clear gives a new block", "[unit][recorder_reader]") {
  Inferior inferior;
  inferior.detach();
  auto& recorder = inferior.recorder;
  inferior.ledger.clear(recorder.books());
  recorder.put(FakeRecorder::control(&layout::Control::generation), std::uint32_t{2});
  REQUIRE(recorder.blocks().size() == 1);
  CHECK(inferior.ledger.forgets(recorder.books(), recorder.blocks()[0]));
  CHECK(inferior.ledger.totals(recorder.books()) == Totals{});

  recorder.put(FakeRecorder::shard(0) + offsetof(layout::Shard, table), std::uint64_t{0});
  recorder.put(recorder.slot(0, 9), BlockEntry{});
  inferior.reallocate(0x5000);
  const auto view = inferior.view();
  CHECK(is_balanced(view));
  CHECK(view.blocks == std::vector<RecordedBlock>{{{0x5000}, 240, 1, 2}});
  CHECK(view.totals == Totals{.size = 240, .count = 1, .peak = 240, .allocations = 1, .frees = 0, .allocated = 240});
  CHECK_FALSE(inferior.ledger.forgets(recorder.books(), view.blocks[0]));
}

}  // namespace
}  // namespace memsnap
