#pragma once

#include "core/recorder/code/call_origin.h"

/// Blocks that were freed, as long as there is room for them: see Control::history.
namespace memsnap::recorder {

// Enters a block, as part of the operation under way: a stop shows it once that counts. Whoever comes round to an entry
// that another thread is writing takes the next one.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void enter_freed(Control& control, ThreadState& state,
                                                                          const BlockEntry& block,
                                                                          std::uint32_t freed_by) {
  constexpr int kTries = 64;
  if (freed_by == 0) {
    return;
  }
  for (int tries = 0; tries < kTries; ++tries) {
    const auto sequence = __atomic_add_fetch(&control.history_count, 1, __ATOMIC_RELAXED);
    auto* slot = freed_entry(control, sequence);
    if (slot == nullptr) {
      break;
    }
    auto& entry = *slot;
    state.operation.history = sequence;
    in_order();
    auto before = __atomic_load_n(&entry.sequence, __ATOMIC_RELAXED);
    if ((before & kBeingWritten) != 0 ||
        !__atomic_compare_exchange_n(&entry.sequence, &before, sequence | kBeingWritten, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
      continue;
    }
    entry.block = block;
    entry.origin = freed_by;
    entry.thread = state.index;
    __atomic_store_n(&entry.sequence, sequence, __ATOMIC_RELEASE);
    return;
  }
  state.operation.history = 0;
}

// Where this call's traceback is needed for the blocks that it frees: its number. 0 where nothing is kept of them, or
// it cannot be entered.
[[gnu::always_inline]] inline std::uint32_t origin_of_free(Control& control, ThreadState& state, const Call& call) {
  return control.history == 0 ? 0 : walk_to_origin(control, state, call);
}

// The last that was freed at an address. False where there is none; what was looked at comes off Control::looks_left.
inline bool find_freed(Control& control, std::uint64_t address, std::uint8_t space, FreedEntry& found) {
  const auto ring = control.history;
  if (ring == 0) {
    return false;
  }
  const auto last = __atomic_load_n(&control.history_count, __ATOMIC_RELAXED);
  const auto capacity = at<FreedRing>(ring)->capacity;
  auto first = last > capacity ? last - capacity : 0;
  first = first < control.history_floor ? control.history_floor : first;
  auto sequence = last;
  bool is_found = false;
  for (; sequence > first && !is_found; --sequence) {
    const auto& entry = at<FreedEntry>(ring + sizeof(FreedRing))[(sequence - 1) % capacity];
    if (__atomic_load_n(&entry.sequence, __ATOMIC_ACQUIRE) != sequence) {
      continue;
    }
    found = entry;
    is_found = block_address(found.block) == address &&
               origin_record(control, block_origin(found.block))->space == space &&
               __atomic_load_n(&entry.sequence, __ATOMIC_RELAXED) == sequence;
  }
  __atomic_fetch_sub(&control.looks_left, static_cast<std::int64_t>(last - sequence), __ATOMIC_RELAXED);
  return is_found;
}

}  // namespace memsnap::recorder
