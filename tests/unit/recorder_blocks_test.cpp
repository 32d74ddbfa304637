#include "tests/catch.h"
#include "tests/unit/fake_recorder.h"

namespace memsnap {
namespace {

using layout::make_block;
using test::FakeRecorder;

// Two shards of a few blocks, of two origins.
FakeRecorder with_blocks() {
  FakeRecorder recorder;
  recorder.add_origin(1);
  recorder.add_origin(1);
  recorder.put(recorder.slot(0, 5), make_block(0x10010, 100, 1, 0));
  recorder.put(recorder.slot(0, FakeRecorder::kSlots - 1), make_block(0x10100, 0, 2, 3));
  recorder.put(recorder.slot(127, 0), make_block(0x10200, 16, 1, 65535));
  return recorder;
}

Error block_error(FakeRecorder& recorder) {
  const auto done = recorder.reader().for_each_block([](const RecordedBlock&) { return true; });
  REQUIRE_FALSE(done.has_value());
  return done.error();
}

TEST_CASE("All blocks of all shards are live", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  CHECK(recorder.blocks() ==
        std::vector<RecordedBlock>{{{0x10010}, 100, 1, 0}, {{0x10100}, 0, 2, 3}, {{0x10200}, 16, 1, 65535}});
}

TEST_CASE("The recorder's own memory is all that can hold a block's address", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  const auto state = recorder.add_thread(1);
  const auto index = recorder.map(3 * 4096);
  recorder.put(FakeRecorder::field(state, &layout::ThreadState::origin_index), index);
  recorder.put(FakeRecorder::field(state, &layout::ThreadState::origin_capacity), std::uint64_t{1024});
  recorder.put(FakeRecorder::field(state, &layout::ThreadState::busy), std::uint32_t{1});
  const auto own = recorder.reader().own_memory();
  REQUIRE(own.has_value());
  const auto has = [&](std::uint64_t begin, std::uint64_t size) {
    return std::ranges::any_of(
        *own, [&](AddressRange range) { return range.begin.value <= begin && begin + size <= range.end.value; });
  };
  CHECK(has(FakeRecorder::kControl, sizeof(layout::Control)));
  CHECK(has(state, sizeof(layout::ThreadState)));
  CHECK(has(index, 8192));
  CHECK(has(recorder.record(1), 2 * sizeof(layout::OriginRecord)));
  for (const std::uint32_t shard : {0U, 127U}) {
    CHECK(has(recorder.slot(shard, 0), FakeRecorder::kSlots * sizeof(layout::BlockEntry)));
  }
  CHECK_FALSE(has(index, 8193));
  CHECK_FALSE(has(0x10010, 1));
}

TEST_CASE("A visitor ends the reading", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  int visited = 0;
  const auto done = recorder.reader().for_each_block([&](const RecordedBlock&) { return ++visited < 2; });
  CHECK(done.has_value());
  CHECK(visited == 2);
}

TEST_CASE("Large numbers of origins and sizes fit a block", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  constexpr std::uint32_t kOrigin = (1U << layout::kOriginLowBits) + 5;
  recorder.record(kOrigin);
  recorder.put(FakeRecorder::control(&layout::Control::origin_count), kOrigin);
  constexpr std::uint64_t kSize = (std::uint64_t{1} << layout::kSizeBits) - 1;
  recorder.put(recorder.slot(3, 3), make_block(0x7ffffffffff8, kSize, kOrigin, 7));
  CHECK(recorder.blocks() == std::vector<RecordedBlock>{{{0x7ffffffffff8}, kSize, kOrigin, 7}});
}

TEST_CASE("A shard that lags behind is empty", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  recorder.put(FakeRecorder::control(&layout::Control::generation), std::uint32_t{2});
  CHECK(recorder.blocks().empty());
  recorder.put(FakeRecorder::shard(127) + offsetof(layout::Shard, generation), std::uint32_t{2});
  CHECK(recorder.blocks().size() == 1);
}

TEST_CASE("A block may stand in two slots of a locked shard", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  recorder.put(recorder.slot(0, 4), make_block(0x10010, 100, 1, 0));
  recorder.put(FakeRecorder::shard(0) + offsetof(layout::Shard, lock), std::uint32_t{1});
  CHECK(recorder.blocks().size() == 3);
}

TEST_CASE("A slot with half an entry is empty", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  auto entry = make_block(0x10300, 8, 1, 0);
  entry.low = 0;
  recorder.put(recorder.slot(0, 6), entry);
  CHECK(recorder.blocks().size() == 3);
}

TEST_CASE("A block is found by its address and by those inside", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  // An old block, whose free was missed, around a new one.
  recorder.put(recorder.slot(7, 0), make_block(0x10000, 64, 2, 0));
  const auto reader = recorder.reader();
  const auto found = [&](std::uint64_t address) {
    const auto block = reader.find_block({address});
    REQUIRE(block.has_value());
    return *block ? (*block)->address.value : 0;
  };
  CHECK(found(0x10010) == 0x10010);
  CHECK(found(0x10030) == 0x10010);
  CHECK(found(0x10073) == 0x10010);
  CHECK(found(0x10074) == 0);
  CHECK(found(0x10008) == 0x10000);
  CHECK(found(0x10100) == 0x10100);
  CHECK(found(0x10101) == 0);
  CHECK(found(0xffff) == 0);
}

TEST_CASE("Tables that the program wrote over are an error", "[unit][recorder_reader]") {
  auto recorder = with_blocks();
  const auto table = recorder.slot(0, 0) - sizeof(layout::BlockTable);
  auto expected = Code::malformed;
  SECTION("a table that is larger than its mapping") { recorder.put(table, std::uint64_t{FakeRecorder::kSlots + 1}); }
  SECTION("a table of any size") { recorder.put(table, layout::BlockTable{~std::uint64_t{0}, ~std::uint64_t{0}}); }
  SECTION("a table without a head") { recorder.put(table, layout::BlockTable{0, 8}); }
  SECTION("a table that ends early") {
    recorder.put(table, layout::BlockTable{1000, FakeRecorder::kMapped});
    expected = Code::unmapped;
  }
  SECTION("no table") {
    recorder.put(FakeRecorder::shard(0) + offsetof(layout::Shard, table), std::uint64_t{0x1000});
    expected = Code::unmapped;
  }
  SECTION("a block without origin") { recorder.put(recorder.slot(0, 1), make_block(0x20000, 1, 0, 0)); }
  SECTION("a block of an origin that is none") { recorder.put(recorder.slot(0, 1), make_block(0x20000, 1, 3, 0)); }
  CHECK(block_error(recorder).code == expected);
  CHECK_FALSE(recorder.reader().find_block({1}).has_value());
}

TEST_CASE("A large table is read in pieces", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  recorder.add_origin(1);
  constexpr std::uint64_t kCount = (20 << 20) / sizeof(layout::BlockEntry);
  constexpr auto kSize = sizeof(layout::BlockTable) + kCount * sizeof(layout::BlockEntry);
  const auto table = recorder.map(kSize);
  recorder.put(table, layout::BlockTable{kCount, kSize});
  for (std::uint64_t i = 0; i < kCount; i += 1000) {
    recorder.put(table + sizeof(layout::BlockTable) + i * sizeof(layout::BlockEntry),
                 make_block(0x10000 + i * 8, i, 1, 0));
  }
  recorder.put(
      FakeRecorder::shard(9),
      layout::Shard{.lock = 0, .generation = 1, .table = table, .count = kCount, .lines = 0, .end = 0, .most = 0});
  recorder.put(FakeRecorder::control(&layout::Control::mapped), std::uint64_t{kSize});
  const auto reader = recorder.reader();
  recorder.memory.reads = 0;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  REQUIRE(reader.for_each_block([&](const RecordedBlock& block) {
    size += block.size;
    return ++count > 0;
  }));
  constexpr auto kBlocks = (kCount + 999) / 1000;
  CHECK(count == kBlocks);
  CHECK(size == kBlocks * (kBlocks - 1) / 2 * 1000);
  CHECK(recorder.memory.reads == 3);
}

}  // namespace
}  // namespace memsnap
