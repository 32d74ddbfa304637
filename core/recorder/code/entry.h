#pragma once

#include "core/recorder/code/call.h"
#include "core/recorder/code/origins.h"

/// How an operation is entered into the books so that a stop at any instruction shows them before it or after it.
namespace memsnap::recorder {

// How often and how many bytes: the two counters lie side by side wherever they are.
struct Counters {
  std::uint64_t count;
  std::uint64_t bytes;
};
static_assert(offsetof(OriginRecord, allocated_bytes) == offsetof(OriginRecord, allocated_count) + 8 &&
              offsetof(OriginRecord, freed_bytes) == offsetof(OriginRecord, freed_count) + 8 &&
              offsetof(ForeignFrees, freed_bytes) == offsetof(ForeignFrees, freed_count) + 8);

inline Counters* allocated_of(OriginRecord& origin) { return at<Counters>(address_of(&origin.allocated_count)); }
inline Counters* freed_of(OriginRecord& origin) { return at<Counters>(address_of(&origin.freed_count)); }

// An operation on counters that only this thread writes. First it is noted what they hold, of as many as its kind has;
// from begin() on a stop shows them so, and from settle() on as they have come to be.
class Entry {
 public:
  Entry(ThreadState& state, std::uint64_t key, const BlockEntry& old) : operation_(state.operation) {
    operation_.block = key;
    operation_.old = old;
  }
  Counters note(Counters* counters) {
    const auto values = *counters;
    operation_.undo[undone_++] = {address_of(counters), {values.count, values.bytes}};
    return values;
  }
  void note_none() { operation_.undo[undone_++].address = 0; }
  void free_of(std::uint64_t pool) { operation_.pool = pool; }
  void begin(OperationKind kind) { settle(kind); }
  void settle(OperationKind kind) {
    in_order();
    operation_.kind = kind;
    in_order();
  }

 private:
  Operation& operation_;
  std::size_t undone_ = 0;
};

inline void add(Counters* counters, const Counters& values, std::uint64_t bytes) {
  counters->count = values.count + 1;
  counters->bytes = values.bytes + bytes;
}

// Of a block that another thread allocated; nullptr where there is no memory.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline Counters* foreign_counters(Control& control,
                                                                                    ThreadState& state,
                                                                                    std::uint32_t number) {
  auto* foreign = foreign_frees(control, state, number);
  return foreign == nullptr ? nullptr : at<Counters>(address_of(&foreign->freed_count));
}

// Where a freed block is counted: with its origin where that is this thread's own.
[[gnu::always_inline]] inline Counters* freed_counters(Control& control, ThreadState& state, const BlockEntry& block) {
  const auto number = block_origin(block);
  auto& origin = *origin_record(control, number);
  return origin.thread == state.index ? freed_of(origin) : foreign_counters(control, state, number);
}

// Whether the user has not had all blocks forgotten since the lock was taken. Asked once an operation shows, from where
// on the debugger counts with it.
inline bool is_current(const Control& control, const Shard& shard) {
  return *const_cast<const volatile std::uint32_t*>(&control.generation) == shard.generation;
}

}  // namespace memsnap::recorder
