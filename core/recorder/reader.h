#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/memory_reader.h"
#include "core/recorder/books.h"
#include "core/recorder/layout.h"
#include "core/recorder/undone_memory.h"
#include "core/result.h"

namespace memsnap {

/// Reads the recorder's books at one stop.
///
/// Exact at any stop: what a thread is in the middle of has not happened yet. A block counts once its allocator call's
/// entry is complete, and until its free's is; one that a realloc has taken out of the table is live.
/// Errors (of all functions): Code::unmapped, and Code::malformed where the program has written over the recorder's
///         memory. Whatever stands there, every function ends.
/// Lifetime: good for this stop only; `memory` must outlive it.
class RecorderReader {
 public:
  /// Code::malformed where there is no recorder at `control`, or one of another version.
  static Result<RecorderReader> open(MemoryReader& memory, Address control);

  /// All counters. Reads in proportion to the origins, not to the blocks.
  Result<RecordedBooks> read_books() const;

  /// The tracebacks of the origins `first` to `last`, both inclusive. Code::not_found where there are no such numbers.
  Result<RecordedTracebacks> read_tracebacks(std::uint32_t first, std::uint32_t last) const;

  /// A table of live blocks, and the address of the Shard that it belongs to.
  struct BlockTableAt {
    Address shard;
    AddressRange table;
  };
  /// All of them; none while a thread is changing the books.
  Result<std::vector<BlockTableAt>> idle_block_tables() const;

  /// The memory that the recorder mapped by itself and keeps, in no order: all of it that may hold the address of a
  /// block, or be taken for one.
  Result<std::vector<AddressRange>> own_memory() const;

  /// Calls `visit` for each live block, each once, in no order, until it returns false. Two may have one address: a
  /// block that a realloc under way was given, and what the allocator has made of its memory since; a block, and the
  /// first that a pool of the user's own has cut from it.
  Result<void> for_each_block(const std::function<bool(const RecordedBlock&)>& visit) const;

  /// The live block that begins at `address`, else the one that `address` lies in, of several the one that begins last.
  /// Blocks are taken for `slack` bytes longer than they are. Looks through all blocks.
  Result<std::optional<RecordedBlock>> find_block(Address address, std::uint64_t slack = 0) const;

  /// Calls `visit` for each freed block that there is room for, the last one first, until it returns false.
  Result<void> for_each_freed(const std::function<bool(const RecordedFreed&)>& visit) const;

  /// The block freed last that begins at `address` or that it lies in.
  Result<std::optional<RecordedFreed>> find_freed(Address address) const;

  /// In the order they were first noted. One is there from its call's beginning on.
  Result<std::vector<RecordedFault>> read_faults() const;

 private:
  // What is needed of a layout::ThreadState.
  struct Thread {
    RecordedThread id;
    std::uint64_t next = 0;
    bool is_busy = false;
    layout::Operation operation{};
    layout::BlockEntry detached{};
    std::uint64_t unknown_frees = 0;
    std::uint64_t missed_frees = 0;
    std::array<std::uint64_t, layout::kReasons> not_recorded{};
    std::int64_t live = 0;
    Address foreign;  // a layout::ForeignTable

    // Whether an operation is under way that does not count yet.
    bool is_pending() const;
    // Blocks that it gives or takes, else nullptr.
    const layout::BlockEntry* given() const;
    const layout::BlockEntry* freed() const;
    // What a realloc under way has taken, else nullptr.
    const layout::BlockEntry* reallocated() const;
  };

  using RecordVisit = std::function<Result<void>(std::uint32_t number, const layout::OriginRecord& record)>;
  using BlockVisit = std::function<bool(const RecordedBlock&)>;

  explicit RecorderReader(MemoryReader& memory);
  Result<void> read_control(Address control);
  Result<void> read_threads();
  Result<Thread> read_thread(Address state) const;
  Result<void> undo_operations();
  Result<void> find_moving_blocks();
  // One that is dead to the recorder, as its code is unmapped, still has its blocks.
  static bool is_filled(const layout::OriginRecord& record) { return record.hash != 0 || record.allocated_count != 0; }
  // Whether its origin is one that there is.
  bool is_sound(const layout::BlockEntry& entry) const;
  static RecordedBlock block_of(const layout::BlockEntry& entry);

  Result<void> for_each_record(std::uint32_t first, std::uint32_t last, const RecordVisit& visit) const;
  Result<void> add_origins(RecordedBooks& books) const;
  void add_threads(RecordedBooks& books) const;
  Result<void> add_foreign_frees(RecordedBooks& books) const;
  Result<layout::FreedRing> freed_ring() const;
  Result<layout::OriginRecord> read_record(std::uint32_t number) const;

  Result<void> read_frames(RecordedTracebacks& tracebacks, const std::vector<std::uint64_t>& addresses) const;
  bool is_hidden(const layout::BlockEntry& entry, std::uint8_t space) const;
  Result<layout::BlockTable> read_table(const layout::Shard& shard) const;
  Result<bool> visit_shard(const layout::Shard& shard, std::uint8_t space, const BlockVisit& visit) const;

  Address control_address_;
  UndoneMemory memory_;
  std::unique_ptr<layout::Control> control_;  // up to the thread slots
  std::vector<Thread> threads_;
  // What the table has of operations under way: new blocks and ones that are being freed, by key, ascending; ones
  // that a realloc is taking out or putting back.
  std::vector<std::uint64_t> hidden_;
  std::vector<layout::BlockEntry> moving_;
};

}  // namespace memsnap
