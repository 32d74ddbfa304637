#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/recorder/reader.h"
#include "tests/catch.h"
#include "tests/unit/fake_memory.h"

namespace memsnap::test {

/// The recorder's memory in an inferior, made by hand.
class FakeRecorder {
 public:
  static constexpr std::uint64_t kControl = 0x7f0000000000;
  static constexpr std::uint64_t kSlots = 64;         // of each table
  static constexpr std::uint64_t kMapped = 16 << 20;  // what the recorder says it uses

  FakeRecorder() {
    memory.map(kControl, sizeof(layout::Control));
    put(control(&layout::Control::magic), layout::kMagic);
    put(control(&layout::Control::size), std::uint32_t{sizeof(layout::Control)});
    put(control(&layout::Control::version), layout::kVersion);
    put(control(&layout::Control::generation), std::uint32_t{1});
    put(control(&layout::Control::mapped), kMapped);
  }

  /// Zeroes at an address of their own.
  std::uint64_t map(std::size_t size) {
    const auto address = next_;
    memory.map(address, size);
    next_ += (size + 0x2fff) & ~std::uint64_t{0xfff};
    return address;
  }

  template <typename T>
  void put(std::uint64_t address, const T& value) {
    memory.put_bytes(address, &value, sizeof value);
  }
  template <typename T>
  T get(std::uint64_t address) {
    T value{};
    REQUIRE(memory.read({address}, std::as_writable_bytes(std::span(&value, 1))) == sizeof value);
    return value;
  }

  template <typename Field>
  static std::uint64_t control(Field layout::Control::*field) {
    return kControl + offset_of(field);
  }
  template <typename Field>
  static std::uint64_t field(std::uint64_t object, Field layout::ThreadState::*field) {
    return object + offset_of(field);
  }
  template <typename Field>
  static std::uint64_t field(std::uint64_t object, Field layout::OriginRecord::*field) {
    return object + offset_of(field);
  }
  static std::uint64_t shard(std::uint32_t number) {
    return control(&layout::Control::shards) + number * sizeof(layout::Shard);
  }

  /// A thread with this index; returns its state's address.
  std::uint64_t add_thread(std::uint32_t index) {
    const auto state = map(sizeof(layout::ThreadState));
    const auto head = control(&layout::Control::threads);
    put(field(state, &layout::ThreadState::next), get<std::uint64_t>(head));
    put(field(state, &layout::ThreadState::number), index);
    put(field(state, &layout::ThreadState::index), index);
    put(field(state, &layout::ThreadState::tid), 1000 + index);
    put(head, state);
    return state;
  }

  /// The record of a number, whose chunk comes to be.
  std::uint64_t record(std::uint32_t number) {
    const auto chunk =
        control(&layout::Control::origin_chunks) + (number - 1) / layout::kOriginsPerChunk * sizeof(std::uint64_t);
    if (get<std::uint64_t>(chunk) == 0) {
      put(chunk, map(layout::kOriginsPerChunk * sizeof(layout::OriginRecord)));
    }
    return get<std::uint64_t>(chunk) + (number - 1) % layout::kOriginsPerChunk * sizeof(layout::OriginRecord);
  }

  /// The next origin; returns its number.
  std::uint32_t add_origin(std::uint32_t thread, const std::vector<std::uint64_t>& frames = {0x1001, 0x2002}) {
    const auto count = control(&layout::Control::origin_count);
    const auto number = get<std::uint32_t>(count) + 1;
    layout::OriginRecord made{};
    made.hash = 0x1234567 + number;
    made.frames = map(frames.size() * sizeof(std::uint64_t));
    made.frame_count = static_cast<std::uint16_t>(frames.size());
    made.thread = thread;
    memory.put_bytes(made.frames, frames.data(), frames.size() * sizeof(std::uint64_t));
    put(record(number), made);
    put(count, number);
    return number;
  }

  void count(std::uint32_t origin, std::uint64_t allocated, std::uint64_t bytes, std::uint64_t freed = 0,
             std::uint64_t freed_bytes = 0) {
    put(field(record(origin), &layout::OriginRecord::allocated_count), allocated);
    put(field(record(origin), &layout::OriginRecord::allocated_bytes), bytes);
    put(field(record(origin), &layout::OriginRecord::freed_count), freed);
    put(field(record(origin), &layout::OriginRecord::freed_bytes), freed_bytes);
  }

  /// The address of a slot of a shard's table, which comes to be.
  std::uint64_t slot(std::uint32_t shard_number, std::uint64_t slot_number) {
    const auto at = shard(shard_number);
    auto shard = get<layout::Shard>(at);
    if (shard.table == 0) {
      constexpr auto kSize = sizeof(layout::BlockTable) + kSlots * sizeof(layout::BlockEntry);
      shard.table = map(kSize);
      shard.generation = get<std::uint32_t>(control(&layout::Control::generation));
      put(shard.table, layout::BlockTable{kSlots, kSize});
      put(at, shard);
    }
    return shard.table + sizeof(layout::BlockTable) + slot_number * sizeof(layout::BlockEntry);
  }

  void add_foreign(std::uint64_t state, const std::vector<layout::ForeignFrees>& frees) {
    const auto table = map(sizeof(layout::ForeignTable) + kSlots * sizeof(layout::ForeignFrees));
    put(table, layout::ForeignTable{kSlots, frees.size()});
    for (std::size_t i = 0; i < frees.size(); ++i) {
      put(table + sizeof(layout::ForeignTable) + (kSlots - 1 - i) * sizeof(layout::ForeignFrees), frees[i]);
    }
    put(field(state, &layout::ThreadState::foreign), table);
  }

  RecorderReader reader() {
    auto opened = RecorderReader::open(memory, {kControl});
    REQUIRE(opened.has_value());
    return std::move(*opened);
  }
  RecordedBooks books() {
    auto read = reader().read_books();
    REQUIRE(read.has_value());
    return std::move(*read);
  }
  /// All live blocks, ascending.
  std::vector<RecordedBlock> blocks() {
    std::vector<RecordedBlock> found;
    const auto done = reader().for_each_block([&](const RecordedBlock& block) {
      found.push_back(block);
      return true;
    });
    REQUIRE(done.has_value());
    std::ranges::sort(found);
    return found;
  }

  FakeMemory memory;

 private:
  template <typename Object, typename Field>
  static std::uint64_t offset_of(Field Object::*field) {
    static const auto object = std::make_unique<Object>();
    return static_cast<std::uint64_t>(reinterpret_cast<const char*>(&(object.get()->*field)) -
                                      reinterpret_cast<const char*>(object.get()));
  }

  std::uint64_t next_ = 0x7f1000000000;
};

}  // namespace memsnap::test
