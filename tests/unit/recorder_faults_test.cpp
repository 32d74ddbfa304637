// Freed blocks and faults, read from the recorder's memory.

#include "tests/catch.h"
#include "tests/unit/fake_recorder.h"

namespace memsnap {
namespace {

using layout::make_block;
using test::FakeRecorder;

constexpr std::uint64_t kRoom = 8;
constexpr std::uint64_t kKept = 6;

struct History {
  History() {
    recorder.add_origin(1);
    recorder.add_origin(1);
    ring = recorder.map(sizeof(layout::FreedRing) + kRoom * sizeof(layout::FreedEntry));
    recorder.put(ring, layout::FreedRing{kRoom, kKept});
    recorder.put(FakeRecorder::control(&layout::Control::history), ring);
  }

  std::uint64_t entry(std::uint64_t sequence) const {
    return ring + sizeof(layout::FreedRing) + (sequence - 1) % kRoom * sizeof(layout::FreedEntry);
  }
  // The next block, of the size of its sequence number.
  void add(std::uint64_t address) {
    ++count;
    recorder.put(entry(count), layout::FreedEntry{count, make_block(address, count, 1, 0), 2, 7});
    recorder.put(FakeRecorder::control(&layout::Control::history_count), count);
  }
  std::vector<std::uint64_t> sizes() {
    std::vector<std::uint64_t> all;
    const auto done = recorder.reader().for_each_freed([&](const RecordedFreed& freed) {
      all.push_back(freed.block.size);
      return true;
    });
    REQUIRE(done.has_value());
    return all;
  }

  FakeRecorder recorder;
  std::uint64_t ring = 0;
  std::uint64_t count = 0;
};

using Sizes = std::vector<std::uint64_t>;

TEST_CASE("Freed blocks are read back from the last one", "[unit][recorder_reader]") {
  History history;
  CHECK(history.sizes().empty());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    history.add(i * 0x1000);
  }
  CHECK(history.sizes() == Sizes{3, 2, 1});
  for (std::uint64_t i = 4; i <= 21; ++i) {
    history.add(i * 0x1000);
  }
  CHECK(history.sizes() == Sizes{21, 20, 19, 18, 17, 16});
  CHECK(history.recorder.books().history == kKept);
  const auto found = *history.recorder.reader().find_freed({20 * 0x1000});
  CHECK(found == RecordedFreed{{{20 * 0x1000}, 20, 1, 0}, 2, 7});
  CHECK_FALSE(*history.recorder.reader().find_freed({15 * 0x1000}));
}

TEST_CASE("Where nothing is kept of freed blocks there are none", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  CHECK_FALSE(*recorder.reader().find_freed({0x1000}));
  CHECK(recorder.books().history == 0);
}

TEST_CASE("The last freed block around an address is found", "[unit][recorder_reader]") {
  History history;
  history.add(0x1000);
  history.add(0x1000);
  history.add(0x1002 & ~7ULL);
  CHECK((*history.recorder.reader().find_freed({0x1002}))->block.size == 3);
  CHECK((*history.recorder.reader().find_freed({0x1000}))->block.size == 3);
  CHECK_FALSE(*history.recorder.reader().find_freed({0x1003}));
}

TEST_CASE("A freed block counts once its free does", "[unit][recorder_reader]") {
  History history;
  history.add(0x1000);
  history.add(0x2000);
  history.add(0x3000);
  const auto thread = history.recorder.add_thread(1);
  layout::Operation operation{};
  operation.kind = layout::OperationKind::free;
  operation.block = 0x2000;
  operation.old = make_block(0x2000, 2, 1, 0);
  operation.history = 2;
  history.recorder.put(FakeRecorder::field(thread, &layout::ThreadState::operation), operation);
  CHECK(history.sizes() == Sizes{3, 1});
  operation.kind = layout::OperationKind::settled;
  history.recorder.put(FakeRecorder::field(thread, &layout::ThreadState::operation), operation);
  CHECK(history.sizes() == Sizes{3, 2, 1});
  operation.kind = layout::OperationKind::none;
  history.recorder.put(FakeRecorder::field(thread, &layout::ThreadState::operation), operation);
  CHECK(history.sizes() == Sizes{3, 2, 1});
}

TEST_CASE("What is being written, or came to nothing, is no freed block", "[unit][recorder_reader]") {
  History history;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    history.add(i * 0x1000);
  }
  history.recorder.put(history.entry(2), std::uint64_t{2} | layout::kBeingWritten);
  history.recorder.put(history.entry(3), std::uint64_t{0});
  CHECK(history.sizes() == Sizes{4, 1});
}

TEST_CASE("What the user had forgotten is no freed block", "[unit][recorder_reader]") {
  History history;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    history.add(i * 0x1000);
  }
  history.recorder.put(FakeRecorder::control(&layout::Control::history_floor), std::uint64_t{2});
  CHECK(history.sizes() == Sizes{4, 3});
  history.recorder.put(FakeRecorder::control(&layout::Control::history_floor), std::uint64_t{4});
  CHECK(history.sizes().empty());
}

TEST_CASE("A damaged list of freed blocks is an error", "[unit][recorder_reader]") {
  History history;
  history.add(0x1000);
  SECTION("without room") { history.recorder.put(history.ring, layout::FreedRing{kRoom, 0}); }
  SECTION("with more than there is room for") { history.recorder.put(history.ring, layout::FreedRing{kRoom, 9}); }
  SECTION("too large") { history.recorder.put(history.ring, layout::FreedRing{1ULL << 40, kKept}); }
  SECTION("a block of no traceback") {
    history.recorder.put(history.entry(1), layout::FreedEntry{1, make_block(0x1000, 1, 9, 0), 2, 7});
  }
  SECTION("freed by nobody") {
    history.recorder.put(history.entry(1), layout::FreedEntry{1, make_block(0x1000, 1, 1, 0), 0, 7});
  }
  const auto found = history.recorder.reader().find_freed({0x1000});
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().code == Code::malformed);
}

std::uint64_t fault_at(std::uint32_t number) {
  return FakeRecorder::control(&layout::Control::faults) + number * sizeof(layout::FaultRecord);
}

FakeRecorder with_fault(const layout::FaultRecord& fault) {
  FakeRecorder recorder;
  recorder.add_origin(1);
  recorder.add_origin(1);
  recorder.add_origin(1);
  recorder.put(FakeRecorder::field(recorder.record(1), &layout::OriginRecord::families),
               static_cast<std::uint8_t>(layout::kMallocFamily | layout::kMallocFamily << layout::kFamilyBits));
  recorder.put(FakeRecorder::field(recorder.record(1), &layout::OriginRecord::domain), std::uint16_t{4});
  recorder.put(fault_at(0), fault);
  recorder.put(FakeRecorder::control(&layout::Control::fault_count), std::uint32_t{1});
  return recorder;
}

layout::FaultRecord double_free() {
  layout::FaultRecord fault{};
  fault.address = 0x1000;
  fault.times = 3;
  fault.block = make_block(0x1000, 100, 1, 0);
  fault.origin = 2;
  fault.thread = 5;
  fault.first_freed = 3;
  fault.first_thread = 6;
  fault.is_filled = 1;
  fault.kind = layout::FaultKind::freed_again;
  fault.families = layout::kNewFamily;
  return fault;
}

TEST_CASE("A fault is read with all that is known of it", "[unit][recorder_reader]") {
  auto recorder = with_fault(double_free());
  const auto faults = *recorder.reader().read_faults();
  REQUIRE(faults.size() == 1);
  const auto& fault = faults.front();
  CHECK(fault.kind == layout::FaultKind::freed_again);
  CHECK(fault.address == Address{0x1000});
  CHECK(fault.times == 3);
  CHECK(fault.block == RecordedBlock{{0x1000}, 100, 1, 0});
  CHECK(fault.origin == 2);
  CHECK(fault.thread == 5);
  CHECK(fault.first_freed == 3);
  CHECK(fault.first_thread == 6);
  CHECK(fault.given == layout::kMallocFamily);
  CHECK(fault.taken == layout::kNewFamily);
  CHECK(fault.domain == 4);
}

TEST_CASE("A fault that is not written yet is none", "[unit][recorder_reader]") {
  auto fault = double_free();
  fault.is_filled = 0;
  auto recorder = with_fault(fault);
  CHECK(recorder.reader().read_faults()->empty());
}

TEST_CASE("A damaged fault is an error", "[unit][recorder_reader]") {
  auto fault = double_free();
  SECTION("of no kind") { fault.kind = layout::FaultKind::count; }
  SECTION("of no traceback") { fault.origin = 4; }
  SECTION("freed first by nobody") { fault.first_freed = 0; }
  SECTION("of a block of no traceback") { fault.block = make_block(0x1000, 100, 44, 0); }
  auto recorder = with_fault(fault);
  const auto faults = recorder.reader().read_faults();
  REQUIRE_FALSE(faults.has_value());
  CHECK(faults.error().code == Code::malformed);
}

}  // namespace
}  // namespace memsnap
