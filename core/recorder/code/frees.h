#pragma once

#include "core/recorder/code/faults.h"
#include "core/recorder/code/site_limit.h"

/// Blocks that go: by a free, with their pool, or by way of a realloc.
namespace memsnap::recorder {

// After a block has gone from the books.
[[gnu::always_inline]] inline void shrink_live(Control& control, ThreadState& state, const BlockEntry& block) {
  change_live(control, state, -static_cast<std::int64_t>(block_size(block)));
  if (control.site_limit.is_set != 0) [[unlikely]] {
    taken_from_site(control, block);
  }
}

enum class Detached : std::uint8_t { yes, unknown, no };

// Takes a block out of the table, into `state.detached`.
[[gnu::noinline]] inline Detached detach(Control& control, ThreadState& state, std::uint64_t key) {
  auto& shard = shard_of(control, key);
  if (!lock(control, shard, state.number)) {
    count_lost(control, &state, Reason::held);
    return Detached::no;
  }
  auto result = Detached::unknown;
  if (auto* slot = find(shard, key); slot != nullptr) {
    result = Detached::yes;
    const auto space = key_space(key);
    state.detached_pool = pool_of(shard, slot, space);
    state.detached.high = slot->high;
    in_order();
    state.detached.low = slot->low;
    in_order();
    if (is_current(control, shard)) [[likely]] {
      erase(shard, slot, space);
    } else {
      state.detached.low = 0;
      result = Detached::no;
    }
  }
  unlock(shard);
  return result;
}

[[gnu::noinline, gnu::no_caller_saved_registers]] inline void count_unknown(Control& control, ThreadState& state,
                                                                            const Call& call, std::uint64_t address,
                                                                            std::uint8_t families) {
  // What is in no book, and is freed from inside the allocator's own module, need not be the program's: glibc's
  // per-thread cache is given back so when a thread ends.
  if (!is_in_module_of(*call.site, call.return_address)) {
    ++state.unknown_frees;
    judge_unknown(control, state, call, address, families);
  }
}

// The key that a block of this entry point has at `address`; 0 for an address where there can be none.
[[gnu::always_inline]] inline std::uint64_t key_at(const Site& site, std::uint64_t address) {
  return key_space(address) != 0 ? 0 : make_key(address, site.space);
}

// Counts the block in a slot as freed, and takes it out of the table of its shard, which is locked; `let_go` comes in
// between, once the table is as it shall be. False where the user has had all blocks forgotten: it is none any more.
template <bool kPlain, typename LetGo>
[[gnu::always_inline]] inline bool free_slot(Control& control, ThreadState& state, Shard& shard, BlockEntry* slot,
                                             std::uint64_t key, Counters* freed, std::uint32_t freed_by, LetGo let_go) {
  const auto block = *slot;
  const std::uint8_t space = kPlain ? 0 : key_space(key);
  Entry entry(state, key, block);
  if (space != 0) [[unlikely]] {
    entry.free_of(pool_of(shard, slot, space));
  }
  const auto values = entry.note(freed);
  entry.begin(OperationKind::free);
  if (!is_current(control, shard)) [[unlikely]] {
    entry.settle(OperationKind::none);
    return false;
  }
  erase(shard, slot, space);
  let_go();
  add(freed, values, block_size(block));
  if (freed_by != 0) [[unlikely]] {
    enter_freed(control, state, block, freed_by);
    entry.settle(OperationKind::none);
    state.operation.history = 0;
  } else {
    entry.settle(OperationKind::none);
  }
  shrink_live(control, state, block);
  return true;
}

// How a call that frees is made.
struct FreeCall {
  std::uint8_t families;
  bool reads_mark = false;  // see judge_mismatch
  bool is_inside = false;   // by a call of a pool of the user's own
};

// Where kPlain, a block of space 0 of which nothing is kept.
template <bool kPlain>
[[gnu::always_inline]] inline void free_block(Control& control, ThreadState& state, const Call& call,
                                              std::uint64_t address, FreeCall how) {
  expect_shrink(control);
  const auto freed_by = kPlain ? 0 : origin_of_free(control, state, call);
  const auto key = kPlain ? address : key_at(*call.site, address);
  auto& shard = kPlain ? shard_of(control, address, 0) : shard_of(control, key);
  if (!lock(control, shard, state.number)) [[unlikely]] {
    count_lost(control, &state, Reason::held);
    return;
  }
  auto* slot = find(shard, key);
  if (slot == nullptr) [[unlikely]] {
    unlock(shard);
    if (!how.is_inside) {
      count_unknown(control, state, call, address, how.families);
    }
    return;
  }
  if ((origin_record(control, block_origin(*slot))->families & how.families) == 0) [[unlikely]] {
    const auto block = *slot;
    unlock(shard);
    if (!how.is_inside) {
      judge_mismatch(control, state, call, block, how.families, how.reads_mark);
    }
    if (!lock(control, shard, state.number)) {
      count_lost(control, &state, Reason::held);
      return;
    }
    slot = find(shard, key);
    if (slot == nullptr) {
      unlock(shard);
      return;  // the user has had all blocks forgotten
    }
  }
  auto* freed = freed_counters(control, state, *slot);
  if (freed == nullptr) [[unlikely]] {
    unlock(shard);
    count_lost(control, &state, Reason::no_memory);
    return;
  }
  if (!free_slot<kPlain>(control, state, shard, slot, key, freed, freed_by, [&shard] { unlock(shard); })) [[unlikely]] {
    unlock(shard);
    state.unknown_frees += how.is_inside ? 0 : 1;
  }
}

// The same, of any call, and with the block kept where freed blocks are.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void free_slowly(Control& control, ThreadState& state,
                                                                          const Call& call, std::uint64_t address,
                                                                          FreeCall how) {
  free_block<false>(control, state, call, address, how);
}

// Takes everything that is left of a pool, each block as a free of its own would: a stop in between shows some of them.
[[gnu::noinline]] inline void free_pool(Control& control, ThreadState& state, const Call& call) {
  const auto& site = *call.site;
  const auto pool = call.argument(site.pool);
  const auto freed_by = origin_of_free(control, state, call);
  for (std::uint32_t i = 0; i < kShards; ++i) {
    auto& shard = control.shards[std::uint32_t{site.space} << kShardBits | i];
    if (shard.table == 0) {
      continue;
    }
    if (!lock(control, shard, state.number)) {
      count_lost(control, &state, Reason::held);
      continue;
    }
    for (std::uint64_t at = 0; at < capacity(shard);) {
      auto* slot = entries(shard) + at;
      if (slot->low == 0 || (site.pool >= 0 && pools(shard)[at] != pool)) {
        ++at;
        continue;
      }
      auto* freed = freed_counters(control, state, *slot);
      if (freed == nullptr) {
        count_lost(control, &state, Reason::no_memory);
        ++at;
        continue;
      }
      expect_shrink(control);
      // What comes into its place was behind it, and is looked at next.
      const auto key = make_key(block_address(*slot), site.space);
      if (!free_slot<false>(control, state, shard, slot, key, freed, freed_by, [] {})) {
        break;
      }
    }
    unlock(shard);
  }
}

// A realloc of a block that gave none: size 0, and the C library takes that for a free.
[[gnu::noinline]] inline void free_detached(Control& control, ThreadState& state, std::uint32_t freed_by) {
  expect_shrink(control);
  const auto block = state.detached;
  auto* freed = freed_counters(control, state, block);
  if (freed == nullptr) {
    count_lost(control, &state, Reason::no_memory);
    return;
  }
  Entry entry(state, 0, {});
  entry.note_none();
  const auto values = entry.note(freed);
  entry.begin(OperationKind::reallocate);
  add(freed, values, block_size(block));
  enter_freed(control, state, block, freed_by);
  entry.settle(OperationKind::settled);
  state.detached.low = 0;
  entry.settle(OperationKind::none);
  state.operation.history = 0;
  shrink_live(control, state, block);
}

// The block that a failed realloc left where it was.
[[gnu::noinline]] inline void attach_again(Control& control, ThreadState& state) {
  const auto key = key_of(control, state.detached);
  auto& shard = shard_of(control, key);
  if (!lock(control, shard, state.number)) {
    count_lost(control, &state, Reason::held);
    return;
  }
  auto* slot = room_for(control, shard, key);
  if (slot != nullptr && slot->low == 0) {
    put(shard, slot, state.detached, key_space(key), state.detached_pool);
    unlock(shard);
    in_order();
    state.detached.low = 0;
    return;
  }
  unlock(shard);
  // Another block lies there by now, so that this one must be gone.
  ++state.missed_frees;
  free_detached(control, state, 0);
}

}  // namespace memsnap::recorder
