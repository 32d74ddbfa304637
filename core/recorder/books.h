#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/address.h"
#include "core/recorder/layout.h"
#include "core/trace/traceback.h"

namespace memsnap {

/// What one origin ever gave, and what of it came back.
struct RecordedOrigin {
  std::uint32_t number = 0;  ///< from 1 on; 0 where it is not filled in at this stop (then all is 0)
  std::uint32_t thread = 0;  ///< RecordedThread::index of who allocates; once nothing is live it may become another's
  std::uint16_t domain = 0;  ///< Site::domain
  std::uint64_t allocated_count = 0;
  std::uint64_t allocated_bytes = 0;
  std::uint64_t freed_count = 0;  ///< by whichever thread; never above `allocated_count`
  std::uint64_t freed_bytes = 0;

  auto operator<=>(const RecordedOrigin&) const = default;
};

/// A thread that has a place in the books. Its place may be given on after its end: then to another index.
struct RecordedThread {
  std::uint32_t index = 0;  ///< never given to another thread
  std::uint32_t tid = 0;    ///< the kernel's, 0 where it is not known
  Address state;            ///< its layout::ThreadState

  auto operator<=>(const RecordedThread&) const = default;
};

/// A live block.
struct RecordedBlock {
  Address address;
  std::uint64_t size = 0;    ///< bytes asked for
  std::uint32_t origin = 0;  ///< RecordedOrigin::number
  std::uint32_t epoch = 0;   ///< number of the last snapshot before it was born

  auto operator<=>(const RecordedBlock&) const = default;
};

/// A block that was freed.
struct RecordedFreed {
  RecordedBlock block;
  std::uint32_t freed_by = 0;  ///< RecordedOrigin::number of the call that freed it
  std::uint32_t thread = 0;    ///< RecordedThread::index of who did

  auto operator<=>(const RecordedFreed&) const = default;
};

/// What an allocator was asked that makes no sense.
struct RecordedFault {
  layout::FaultKind kind = layout::FaultKind::foreign;
  Address address;                       ///< that the call was given
  std::uint64_t times = 0;               ///< that the same was done from there
  std::optional<RecordedBlock> block{};  ///< that it is about
  std::uint32_t origin = 0;              ///< RecordedOrigin::number of the call
  std::uint32_t thread = 0;              ///< RecordedThread::index
  std::uint32_t first_freed = 0;         ///< freed_again: origin of the call that freed the block
  std::uint32_t first_thread = 0;        ///< and its thread
  std::uint8_t given = 0;                ///< families that the block can be of
  std::uint8_t taken = 0;                ///< and those that the call can be of
  std::uint16_t domain = 0;              ///< Site::domain of the block's
  bool is_on_stack = false;              ///< foreign: the address is on the stack of the call
  bool is_reallocated = false;           ///< by a realloc
};

/// Something that a call under way is about to enter into the books, which do not have it yet.
struct PendingChange {
  std::uint32_t thread = 0;     ///< RecordedThread::index
  std::uint64_t completed = 0;  ///< calls of that thread in the books: with it a change is known again at a later stop
  bool is_free = false;
  RecordedBlock block;

  auto operator<=>(const PendingChange&) const = default;
};

/// The recorder's counters at one stop. They count from its first call on and never go down.
struct RecordedBooks {
  std::vector<RecordedOrigin> origins;  ///< by number - 1
  std::vector<RecordedThread> threads;
  std::vector<PendingChange> pending;
  std::uint64_t unknown_frees = 0;
  std::uint64_t missed_frees = 0;
  std::array<std::uint64_t, layout::kReasons> not_recorded{};  ///< by layout::Reason
  std::uint64_t peak = 0;         ///< largest live size, when a thread last had to look; what is live now may be more
  std::int64_t live = 0;          ///< what the threads' sums of bytes add up to, with what the user had forgotten
  bool is_quiet = true;           ///< no thread is changing the books, nor has taken a block out to reallocate it
  std::uint64_t mapped = 0;       ///< bytes that the recorder uses in the inferior for its tables
  std::uint64_t faults_lost = 0;  ///< for which there was no room
  std::uint64_t history = 0;      ///< freed blocks that there is room for
};

/// Where a number of origins come from.
struct RecordedTracebacks {
  struct Item {
    std::uint32_t number = 0;  ///< RecordedOrigin::number
    TracebackEnd end = TracebackEnd::complete;
    Address stopped_at;     ///< for TracebackEnd::no_unwind_info
    std::size_t begin = 0;  ///< of its part of `frames`
    std::size_t count = 0;
  };
  std::vector<Item> items;            ///< ascending by number; without those that are not filled in
  std::vector<std::uint64_t> frames;  ///< run-time return addresses, tagged in bits 56..63 (0: native)

  /// An item's frames, innermost first. Valid as long as this is not changed.
  std::span<const std::uint64_t> frames_of(const Item& item) const {
    return std::span(frames).subspan(item.begin, item.count);
  }
};

}  // namespace memsnap
