#include <cstring>
#include <numeric>
#include <random>

#include "tests/catch.h"
#include "tests/unit/fake_recorder.h"

namespace memsnap {
namespace {

using layout::Control;
using layout::OriginRecord;
using layout::ThreadState;
using test::FakeRecorder;

Error error_of(FakeRecorder& recorder) {
  auto reader = RecorderReader::open(recorder.memory, {FakeRecorder::kControl});
  if (!reader) {
    return reader.error();
  }
  const auto books = reader->read_books();
  REQUIRE_FALSE(books.has_value());
  return books.error();
}

bool is_damaged(FakeRecorder& recorder) {
  const auto error = error_of(recorder);
  return error.code == Code::malformed && error.message.starts_with("the recorder's memory is damaged: ");
}

TEST_CASE("A recorder that has recorded nothing has empty books", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  const auto books = recorder.books();
  CHECK(books.origins.empty());
  CHECK(books.threads.empty());
  CHECK(books.pending.empty());
  CHECK(books.peak == 0);
  CHECK(books.mapped == FakeRecorder::kMapped);
  CHECK(recorder.blocks().empty());
}

TEST_CASE("What is no recorder of this version is refused", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  SECTION("other memory") {
    recorder.put(FakeRecorder::control(&Control::magic), std::uint64_t{7});
    CHECK(error_of(recorder).code == Code::malformed);
    CHECK(error_of(recorder).message == "there is no recorder at 0x7f0000000000");
  }
  SECTION("another version") {
    recorder.put(FakeRecorder::control(&Control::version), layout::kVersion + 1);
    CHECK(error_of(recorder).code == Code::malformed);
    CHECK(error_of(recorder).message.starts_with("the recorder in the process is of version " +
                                                 std::to_string(layout::kVersion + 1) + " and "));
  }
  SECTION("another size") {
    recorder.put(FakeRecorder::control(&Control::size), std::uint32_t{64});
    CHECK(error_of(recorder).code == Code::malformed);
  }
  SECTION("no memory") {
    const auto reader = RecorderReader::open(recorder.memory, {0x1000});
    REQUIRE_FALSE(reader.has_value());
    CHECK(reader.error().code == Code::unmapped);
    CHECK(reader.error().address == Address{0x1000});
  }
}

TEST_CASE("An origin's counters are its own and what other threads freed of it", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  const auto first = recorder.add_thread(1);
  const auto second = recorder.add_thread(2);
  REQUIRE(recorder.add_origin(1) == 1);
  REQUIRE(recorder.add_origin(2) == 2);
  recorder.count(1, 10, 1000, 2, 200);
  recorder.count(2, 5, 50);
  recorder.put(FakeRecorder::field(recorder.record(2), &OriginRecord::domain), std::uint16_t{3});
  recorder.add_foreign(first, {{2, 1, 10}});
  recorder.add_foreign(second, {{1, 3, 300}, {2, 0, 0}});

  const auto books = recorder.books();
  REQUIRE(books.origins.size() == 2);
  CHECK(books.origins[0] == RecordedOrigin{1, 1, 0, 10, 1000, 5, 500});
  CHECK(books.origins[1] == RecordedOrigin{2, 2, 3, 5, 50, 1, 10});
}

TEST_CASE("An origin that is not filled in yet has number 0, one that is dead keeps its counts",
          "[unit][recorder_reader]") {
  FakeRecorder recorder;
  for (int i = 0; i < 3; ++i) {
    recorder.add_origin(1);
  }
  recorder.put(recorder.record(1), OriginRecord{});
  recorder.count(2, 1, 16);
  recorder.put(FakeRecorder::field(recorder.record(2), &OriginRecord::hash), std::uint64_t{0});

  const auto books = recorder.books();
  REQUIRE(books.origins.size() == 3);
  CHECK(books.origins[0] == RecordedOrigin{});
  CHECK(books.origins[1].number == 2);
  CHECK(books.origins[1].allocated_count == 1);
  CHECK(books.origins[2].number == 3);
  const auto tracebacks = recorder.reader().read_tracebacks(1, 3);
  REQUIRE(tracebacks.has_value());
  REQUIRE(tracebacks->items.size() == 2);
  CHECK(tracebacks->items[0].number == 2);
}

TEST_CASE("Numbers whose chunk is not there yet are of no origin", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  recorder.add_origin(1);
  recorder.put(FakeRecorder::control(&Control::origin_count), layout::kOriginsPerChunk + 1);
  CHECK(recorder.books().origins.size() == layout::kOriginsPerChunk);

  SECTION("with a later chunk") {
    recorder.record(3 * layout::kOriginsPerChunk);
    recorder.put(FakeRecorder::control(&Control::origin_count), 2 * layout::kOriginsPerChunk + 1);
    const auto books = recorder.books();
    REQUIRE(books.origins.size() == 2 * layout::kOriginsPerChunk + 1);
    CHECK(books.origins[layout::kOriginsPerChunk] == RecordedOrigin{});
  }
  SECTION("where a number more than there can be was given out") {
    recorder.put(FakeRecorder::control(&Control::origin_count), layout::kOriginsPerChunk * layout::kOriginChunks + 1);
    CHECK(recorder.books().origins.size() == layout::kOriginsPerChunk);
  }
}

TEST_CASE("What threads count is added up", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  for (std::uint32_t index = 1; index <= 2; ++index) {
    const auto state = recorder.add_thread(index);
    recorder.put(FakeRecorder::field(state, &ThreadState::unknown_frees), std::uint64_t{index});
    recorder.put(FakeRecorder::field(state, &ThreadState::missed_frees), std::uint64_t{10 * index});
    recorder.put(FakeRecorder::field(state, &ThreadState::live), std::int64_t{100 * index});
    recorder.put(FakeRecorder::field(state, &ThreadState::not_recorded) + 8, std::uint64_t{index});
  }
  recorder.put(FakeRecorder::control(&Control::not_recorded) + 16, std::uint64_t{4});
  recorder.put(FakeRecorder::control(&Control::peak), std::int64_t{250});
  recorder.put(FakeRecorder::control(&Control::forgotten), std::int64_t{50});

  const auto books = recorder.books();
  CHECK(books.unknown_frees == 3);
  CHECK(books.missed_frees == 30);
  CHECK(books.peak == 200);
  CHECK(books.live == 300);
  CHECK(books.not_recorded == std::array<std::uint64_t, layout::kReasons>{0, 3, 4, 0, 0, 0});
  REQUIRE(books.threads.size() == 2);
  CHECK(books.threads[1].index == 1);
  CHECK(books.threads[1].tid == 1001);
  CHECK(recorder.get<std::uint32_t>(FakeRecorder::field(books.threads[1].state.value, &ThreadState::index)) == 1);
}

TEST_CASE("What is pending is known again by the calls that its thread has completed", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  const auto state = recorder.add_thread(1);
  recorder.add_thread(2);
  recorder.add_origin(1);
  recorder.add_origin(2);
  recorder.count(1, 10, 100, 3, 30);
  recorder.count(2, 1000, 8000, 500, 4000);
  recorder.add_foreign(state, {{2, 20, 160}});
  recorder.put(FakeRecorder::field(state, &ThreadState::unknown_frees), std::uint64_t{200});
  recorder.put(FakeRecorder::field(state, &ThreadState::missed_frees), std::uint64_t{4000});
  constexpr std::uint64_t kCompleted = 10 + 3 + 20 + 200 + 4000;
  const RecordedBlock block{{0x5000}, 7, 1, 3};
  const RecordedBlock old{{0x6000}, 8, 2, 1};
  const PendingChange given{.thread = 1, .completed = kCompleted, .is_free = false, .block = block};
  const PendingChange taken{.thread = 1, .completed = kCompleted, .is_free = true, .block = old};
  layout::Operation operation{};
  operation.old = layout::make_block(0x5000, 7, 1, 3);
  operation.block = 0x5000;
  std::vector<PendingChange> expected;
  SECTION("nothing") {}
  SECTION("a new block") {
    operation.kind = layout::OperationKind::allocate;
    expected = {given};
  }
  SECTION("a new block of which only the address is known") {
    operation.kind = layout::OperationKind::allocate;
    operation.block = 0x7000;
  }
  SECTION("a free") {
    operation.kind = layout::OperationKind::free;
    operation.block = 0x6000;
    operation.old = layout::make_block(0x6000, 8, 2, 1);
    expected = {taken};
  }
  SECTION("a realloc") {
    operation.kind = layout::OperationKind::reallocate;
    recorder.put(FakeRecorder::field(state, &ThreadState::detached), layout::make_block(0x6000, 8, 2, 1));
    expected = {given, taken};
  }
  SECTION("a realloc whose old block alone is in the recorder's hands") {
    recorder.put(FakeRecorder::field(state, &ThreadState::detached), layout::make_block(0x6000, 8, 2, 1));
    expected = {taken};
  }
  SECTION("a realloc that is over") {
    operation.kind = layout::OperationKind::settled;
    recorder.put(FakeRecorder::field(state, &ThreadState::detached), layout::make_block(0x6000, 8, 2, 1));
  }
  recorder.put(FakeRecorder::field(state, &ThreadState::operation), operation);
  CHECK(recorder.books().pending == expected);
}

TEST_CASE("Origins are read by chunks", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  recorder.record(5 * layout::kOriginsPerChunk);
  recorder.put(FakeRecorder::control(&Control::origin_count), 5 * layout::kOriginsPerChunk);
  for (std::uint32_t number = 1; number <= 5 * layout::kOriginsPerChunk; number += 100) {
    recorder.count(number, number, number);
  }
  recorder.memory.reads = 0;
  const auto books = recorder.books();
  CHECK(recorder.memory.reads == 2 + 5);
  CHECK(books.origins[4 * layout::kOriginsPerChunk + 16].allocated_count == 4 * layout::kOriginsPerChunk + 17);
}

TEST_CASE("Tracebacks are read with few reads where their frames lie near each other", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  constexpr std::uint32_t kCount = 1000;
  constexpr std::uint32_t kFrames = 20;
  const auto frames = recorder.map(std::size_t{kCount} * kFrames * 8);
  const auto far = recorder.map(8);
  recorder.put(far, std::uint64_t{0x77});
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const auto number = recorder.add_origin(1);
    // Later ones lie lower.
    const auto begin = frames + std::uint64_t{kCount - 1 - i} * kFrames * 8;
    recorder.put(FakeRecorder::field(recorder.record(number), &OriginRecord::frames), begin);
    recorder.put(FakeRecorder::field(recorder.record(number), &OriginRecord::frame_count), std::uint16_t{kFrames});
    for (std::uint64_t frame = 0; frame < kFrames; ++frame) {
      recorder.put(begin + frame * 8, number * 1000 + frame);
    }
  }
  recorder.put(FakeRecorder::field(recorder.record(7), &OriginRecord::frames), far);
  recorder.put(FakeRecorder::field(recorder.record(7), &OriginRecord::frame_count), std::uint16_t{1});
  recorder.put(FakeRecorder::field(recorder.record(8), &OriginRecord::frame_count), std::uint16_t{0});
  recorder.put(FakeRecorder::field(recorder.record(9), &OriginRecord::end), std::uint8_t{2});
  recorder.put(FakeRecorder::field(recorder.record(9), &OriginRecord::stopped_at), std::uint64_t{0x99});

  const auto reader = recorder.reader();
  recorder.memory.reads = 0;
  const auto all = reader.read_tracebacks(1, kCount);
  REQUIRE(all.has_value());
  CHECK(recorder.memory.reads == 3);
  REQUIRE(all->items.size() == kCount);
  for (const auto& item : all->items) {
    const auto found = all->frames_of(item);
    if (item.number == 7) {
      CHECK(std::vector(found.begin(), found.end()) == std::vector<std::uint64_t>{0x77});
    } else if (item.number == 8) {
      CHECK(found.empty());
    } else {
      std::vector<std::uint64_t> expected(kFrames);
      std::iota(expected.begin(), expected.end(), item.number * 1000);
      CHECK(std::vector(found.begin(), found.end()) == expected);
    }
    CHECK(item.end == (item.number == 9 ? TracebackEnd::no_unwind_info : TracebackEnd::complete));
    CHECK(item.stopped_at.value == (item.number == 9 ? 0x99 : 0));
  }

  const auto one = reader.read_tracebacks(12, 12);
  REQUIRE(one.has_value());
  REQUIRE(one->items.size() == 1);
  CHECK(one->items[0].number == 12);
  CHECK(one->frames.front() == 12000);
  CHECK(reader.read_tracebacks(0, 1).error().code == Code::not_found);
  CHECK(reader.read_tracebacks(1, kCount + 1).error().code == Code::not_found);
}

TEST_CASE("Books that the program wrote over are an error", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  const auto first = recorder.add_thread(1);
  const auto second = recorder.add_thread(2);
  recorder.add_origin(1);
  recorder.count(1, 4, 40);

  SECTION("threads in a ring") {
    recorder.put(FakeRecorder::field(first, &ThreadState::next), second);
    CHECK(is_damaged(recorder));
  }
  SECTION("a thread that is not there") {
    recorder.put(FakeRecorder::field(first, &ThreadState::next), std::uint64_t{0x1000});
    CHECK(error_of(recorder).code == Code::unmapped);
  }
  SECTION("a thread at the end of the address space") {
    recorder.put(FakeRecorder::field(first, &ThreadState::next), ~std::uint64_t{0} - 16);
    CHECK(error_of(recorder).code == Code::unmapped);
  }
  SECTION("too many origins") {
    recorder.put(FakeRecorder::control(&Control::origin_count), 0xffffffffU);
    CHECK(is_damaged(recorder));
  }
  SECTION("a chunk that is not there") {
    recorder.put(FakeRecorder::control(&Control::origin_chunks), std::uint64_t{0x2000});
    CHECK(error_of(recorder).code == Code::unmapped);
  }
  SECTION("a chunk that ends early") {
    recorder.put(FakeRecorder::control(&Control::origin_chunks), recorder.map(100));
    recorder.put(FakeRecorder::control(&Control::origin_count), 2U);
    CHECK(error_of(recorder).code == Code::unmapped);
  }
  SECTION("more freed than allocated") {
    recorder.add_foreign(second, {{1, 5, 5}});
    CHECK(is_damaged(recorder));
  }
  SECTION("frees of an origin that is none") {
    recorder.add_foreign(second, {{2, 1, 1}});
    CHECK(is_damaged(recorder));
  }
  SECTION("a table of frees without an end") {
    recorder.add_foreign(second, {{1, 1, 1}});
    const auto table = recorder.get<std::uint64_t>(FakeRecorder::field(second, &ThreadState::foreign));
    recorder.put(table, ~std::uint64_t{0});
    CHECK(is_damaged(recorder));
    recorder.put(table, FakeRecorder::kMapped / sizeof(layout::ForeignFrees));
    CHECK(error_of(recorder).code == Code::unmapped);
  }
  SECTION("an operation that is none") {
    recorder.put(FakeRecorder::field(first, &ThreadState::operation), std::uint32_t{5});
    CHECK(is_damaged(recorder));
  }
  SECTION("a free of a block without origin") {
    layout::Operation operation{};
    operation.kind = layout::OperationKind::free;
    operation.old = layout::make_block(0x5000, 1, 2, 0);
    recorder.put(FakeRecorder::field(first, &ThreadState::operation), operation);
    CHECK(is_damaged(recorder));
  }
}

TEST_CASE("Tracebacks that the program wrote over are an error", "[unit][recorder_reader]") {
  FakeRecorder recorder;
  recorder.add_origin(1);
  const auto record = recorder.record(1);
  auto expected = Code::malformed;
  SECTION("too many frames") {
    recorder.put(FakeRecorder::field(record, &OriginRecord::frame_count), std::uint16_t{layout::kMostFrames + 1});
  }
  SECTION("an end that there is not") {
    recorder.put(FakeRecorder::field(record, &OriginRecord::end), std::uint8_t{3});
  }
  SECTION("frames at the end of the address space") {
    recorder.put(FakeRecorder::field(record, &OriginRecord::frames), ~std::uint64_t{0} - 7);
  }
  SECTION("frames that are not there") {
    recorder.put(FakeRecorder::field(record, &OriginRecord::frames), std::uint64_t{0x3000});
    expected = Code::unmapped;
  }
  const auto read = recorder.reader().read_tracebacks(1, 1);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().code == expected);
}

TEST_CASE("Whatever stands in the recorder's memory, reading ends", "[unit][recorder_reader]") {
  std::mt19937_64 random(7);
  int errors = 0;
  for (int round = 0; round < 300; ++round) {
    FakeRecorder recorder;
    std::vector<std::pair<std::uint64_t, std::size_t>> parts;
    for (std::uint32_t index = 1; index <= 3; ++index) {
      const auto state = recorder.add_thread(index);
      parts.emplace_back(state, offsetof(ThreadState, modules_generation));
      recorder.add_foreign(state, {{1, 1, 8}});
      parts.emplace_back(recorder.get<std::uint64_t>(FakeRecorder::field(state, &ThreadState::foreign)), 64);
    }
    for (std::uint32_t number = 1; number <= 4; ++number) {
      recorder.add_origin(number % 3 + 1);
      recorder.count(number, 10, 80);
      recorder.put(recorder.slot(number, 3), layout::make_block(number * 64, 8, number, 0));
      parts.emplace_back(FakeRecorder::shard(number), sizeof(layout::Shard));
      parts.emplace_back(recorder.slot(number, 0) - sizeof(layout::BlockTable), 128);
    }
    parts.emplace_back(recorder.record(1), 4 * sizeof(OriginRecord));
    parts.emplace_back(FakeRecorder::kControl + sizeof(std::uint64_t) * 2, offsetof(Control, origin_chunks) + 64);
    for (int change = 0; change < 4; ++change) {
      const auto& [begin, size] = parts[random() % parts.size()];
      const std::array<std::uint64_t, 6> values = {
          0, 1, ~std::uint64_t{0}, random(), random() % 100, parts[random() % parts.size()].first};
      recorder.put(begin + random() % (size / 4) * 4, values[random() % values.size()]);
    }
    auto reader = RecorderReader::open(recorder.memory, {FakeRecorder::kControl});
    if (!reader) {
      ++errors;
      continue;
    }
    const auto books = reader->read_books();
    std::size_t count = 0;
    const auto blocks = reader->for_each_block([&](const RecordedBlock&) { return ++count > 0; });
    const auto tracebacks = reader->read_tracebacks(1, 4);
    errors += books && blocks && tracebacks ? 0 : 1;
  }
  CHECK(errors > 50);
}

}  // namespace
}  // namespace memsnap
