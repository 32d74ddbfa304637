#pragma once

#include "core/recorder/code/frees.h"

/// Blocks that come, and where they come from.
namespace memsnap::recorder {

// Most calls come from the very stack that the one before came from.
[[gnu::always_inline]] inline bool is_last_call(const Control& control, const ThreadState& state, const Call& call) {
  const auto& last = state.last;
  return last.pc == call.return_address && last.sp == call.stack() && ((last.rbp ^ call.rbp) & last.rbp_mask) == 0 &&
         last.site == address_of(call.site) && last.modules_generation == control.modules_generation &&
         last.frame_limit == control.frame_limit &&
         are_unchanged(at<const WalkCheck>(last.checks_begin), at<const WalkCheck>(last.checks_end));
}

// A block whose address is given out once more: its free was missed. Returns the slot for the new one.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline BlockEntry* close_missed(Control& control, ThreadState& state,
                                                                                  Shard& shard, BlockEntry* slot,
                                                                                  std::uint64_t key) {
  expect_shrink(control);
  const auto missed = *slot;
  auto* freed = freed_counters(control, state, missed);
  const auto space = key_space(key);
  Entry entry(state, key, missed);
  entry.free_of(pool_of(shard, slot, space));
  Counters values{};
  if (freed == nullptr) {
    entry.note_none();
  } else {
    values = entry.note(freed);
  }
  entry.begin(OperationKind::free);
  erase(shard, slot, space);
  if (freed != nullptr) {
    add(freed, values, block_size(missed));
  }
  entry.settle(OperationKind::none);
  ++state.missed_frees;
  shrink_live(control, state, missed);
  return find_slot(shard, key);
}

[[gnu::noinline, gnu::no_caller_saved_registers]] inline void lose(Control& control, ThreadState& state, Reason reason,
                                                                   bool has_old) {
  count_lost(control, &state, reason);
  if (has_old) {
    free_detached(control, state, 0);
  }
}

// Enters a new block, of space 0 where kPlain. What a realloc took before is counted as freed in the same moment: what
// the outer of two reallocs has detached is not the inner call's. Returns whether the user's limit has just been
// passed.
template <bool kReallocates, bool kPlain = false>
[[gnu::always_inline]] inline bool allocate(Control& control, ThreadState& state, const Call& call,
                                            std::uint64_t address, std::uint64_t size) {
  const auto old = kReallocates ? state.detached : BlockEntry{};
  const bool has_old = kReallocates && old.low != 0;
  constexpr auto kUsual = ((std::uint64_t{1} << kAddressBits) - 1) << 3;
  if ((address & ~kUsual) != 0 || size >> kSizeBits != 0) [[unlikely]] {
    lose(control, state, Reason::unusual, has_old);
    return false;
  }
  const std::uint8_t space = kPlain ? 0 : call.site->space;
  const auto key = kPlain ? address : make_key(address, space);
  auto& shard = shard_of(control, key, space);
  expect_block(shard, key);
  auto number = state.last.origin;
  auto* found = at<OriginRecord>(state.last.record);
  if (!is_last_call(control, state, call)) {
    number = walk_to_origin(control, state, call);
    if (number == 0) {
      if (has_old) {
        free_detached(control, state, 0);
      }
      return false;
    }
    found = origin_record(control, number);
  }
  auto& origin = *found;
  if (has_old) {
    expect_shrink(control);
  }
  auto* freed = has_old ? freed_counters(control, state, old) : nullptr;
  if (has_old && freed == nullptr) {
    lose(control, state, Reason::no_memory, has_old);
    return false;
  }
  for (;;) {
    if (!lock(control, shard, state.number)) [[unlikely]] {
      lose(control, state, Reason::held, has_old);
      return false;
    }
    auto* slot = room_for(control, shard, key);
    if (slot == nullptr) [[unlikely]] {
      unlock(shard);
      lose(control, state, Reason::no_memory, has_old);
      return false;
    }
    if (slot->low != 0) [[unlikely]] {
      slot = close_missed(control, state, shard, slot, key);
    }
    const auto block = make_block(address, size, number, control.epoch);
    Entry entry(state, key, block);
    const auto freed_before = has_old ? entry.note(freed) : Counters();
    const auto before = entry.note(allocated_of(origin));
    entry.begin(has_old ? OperationKind::reallocate : OperationKind::allocate);
    if (!is_current(control, shard)) [[unlikely]] {
      entry.settle(OperationKind::none);
      unlock(shard);
      continue;  // in the table as it is now
    }
    put(shard, slot, block, space, space == 0 ? 0 : call.argument(call.site->pool));
    unlock(shard);
    if (has_old) {
      add(freed, freed_before, block_size(old));
    }
    add(allocated_of(origin), before, size);
    if (has_old) {
      if (control.history != 0) [[unlikely]] {
        enter_freed(control, state, old, number);
      }
      entry.settle(OperationKind::settled);
      state.detached.low = 0;
    }
    entry.settle(OperationKind::none);
    if (has_old) {
      state.operation.history = 0;
    }
    const auto old_size = has_old ? static_cast<std::int64_t>(block_size(old)) : 0;
    const bool has_passed = change_live(control, state, static_cast<std::int64_t>(size) - old_size);
    if (control.site_limit.is_set == 0) [[likely]] {
      return has_passed;
    }
    if (has_old) {
      taken_from_site(control, old);
    }
    return given_at_site(control, origin, size) || has_passed;
  }
}

}  // namespace memsnap::recorder
