#pragma once

#include "core/recorder/code/system.h"

/// The table of live blocks: by key (see layout.h), in shards, each under a lock that is held for some dozen
/// instructions and never while the real allocator runs.
namespace memsnap::recorder {

inline std::uint64_t scatter(std::uint64_t value) { return value * 0x9e3779b97f4a7c15ULL; }

/// Allocators give their threads stretches of their own, of 64 KiB or more: so threads rarely meet in a shard.
inline Shard& shard_of(Control& control, std::uint64_t key, std::uint8_t space) {
  auto* shard = &control.shards[std::uint64_t{space} << kShardBits | scatter(key >> 16) >> (64 - kShardBits)];
  asm("" : "+r"(shard));  // else the compiler works it out for each of the shard's words once more
  return *shard;
}

inline Shard& shard_of(Control& control, std::uint64_t key) { return shard_of(control, key, key_space(key)); }

inline BlockEntry* entries(const Shard& shard) { return at<BlockEntry>(shard.table + sizeof(BlockTable)); }

inline std::uint64_t capacity(const Shard& shard) {
  return shard.table == 0 ? 0 : at<BlockTable>(shard.table)->capacity;
}

inline std::uint8_t space_of(const Control& control, const Shard& shard) {
  return static_cast<std::uint8_t>(static_cast<std::uint64_t>(&shard - control.shards) >> kShardBits);
}

/// Of a shard in another space than 0: the pools of its entries.
inline std::uint64_t* pools(const Shard& shard) { return at<std::uint64_t>(shard.end); }

/// How many of a table's slots may be taken before it grows.
inline std::uint64_t most_entries(std::uint64_t slots) { return slots * 3 / 4; }

/// Notes what is known of a shard's table.
inline void know_table(Shard& shard) {
  const auto slots = capacity(shard);
  shard.lines = slots / kSlotsPerLine;
  shard.end = shard.table == 0 ? 0 : address_of(entries(shard) + slots);
  shard.most = most_entries(slots);
}

/// The slot where a search for this key begins, of a table of `lines`. Neighbours stay neighbours, 128 bytes of the
/// program's to a cache line of ours: what is allocated one after the other is mostly looked for so too. Ascends with
/// the scattered address, so that a larger table has its entries in the same order.
inline BlockEntry* home(BlockEntry* table, std::uint64_t lines, std::uint64_t key) {
  constexpr auto kLine = kSlotsPerLine * sizeof(BlockEntry);
  static_assert(sizeof(BlockTable) == kLine);
  const auto line = (scatter(key >> 7) >> 32) * lines >> 32;
  const auto in_line = (key >> 5) * sizeof(BlockEntry) & (kLine - 1);
  return at<BlockEntry>(address_of(table) + line * kLine + in_line);
}

/// Has the slot loaded that a block will soon be looked for in. Looks without the lock, so that it may be another one.
inline void expect_block(const Shard& shard, std::uint64_t key) {
  // Every x86-64 has this; the compiler believes that it needs vector registers.
  asm volatile("prefetcht0 %0" : : "m"(*home(entries(shard), shard.lines, key)));
}

inline bool try_lock(Shard& shard, std::uint32_t number) {
  std::uint32_t holder = 0;
  return __atomic_compare_exchange_n(&shard.lock, &holder, number, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool wait_for_lock(const Control& control, Shard& shard,
                                                                            std::uint32_t number) {
  const int most_spins = is_denied(control, Denied::futex) ? 5000 : 200;
  constexpr int kWaits = 2000;
  constexpr std::int64_t kNanoseconds = 200'000;
  if (__atomic_load_n(&shard.lock, __ATOMIC_RELAXED) == number) {
    return true;  // an operation that the thread never completed has it still
  }
  for (int waits = 0; waits < kWaits; ++waits) {
    for (int spins = 0; spins < most_spins; ++spins) {
      if (__atomic_load_n(&shard.lock, __ATOMIC_RELAXED) == 0 && try_lock(shard, number)) {
        return true;
      }
      asm volatile("pause");
    }
    if (!is_denied(control, Denied::futex)) {
      wait_on(address_of(&shard.lock), __atomic_load_n(&shard.lock, __ATOMIC_RELAXED), kNanoseconds);
    }
  }
  return false;
}

// The user has all blocks forgotten.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void empty(Control& control, Shard& shard) {
  if (const auto table = shard.table; table != 0) {
    shard.table = 0;
    unmap(control, table, at<BlockTable>(table)->mapped);
  }
  know_table(shard);
  shard.count = 0;
  in_order();
  shard.generation = control.generation;
}

/// Takes the lock for state `number`. False where its holder does not let go: it does not run any more.
inline bool lock(Control& control, Shard& shard, std::uint32_t number) {
  if (!try_lock(shard, number)) [[unlikely]] {
    if (!wait_for_lock(control, shard, number)) {
      return false;
    }
  }
  if (shard.generation != control.generation) [[unlikely]] {
    empty(control, shard);
  }
  return true;
}

inline void unlock(Shard& shard) { __atomic_store_n(&shard.lock, 0, __ATOMIC_RELEASE); }

/// The slot of the block with this key, or the empty one where it would go. There is always an empty one.
inline BlockEntry* find_slot(BlockEntry* table, std::uint64_t lines, const BlockEntry* end, std::uint64_t key) {
  const auto address = key_address(key);
  auto* slot = home(table, lines, key);
  while (slot->low != 0 && block_address(*slot) != address) {
    ++slot;
    slot = slot == end ? table : slot;
  }
  return slot;
}

inline BlockEntry* find_slot(const Shard& shard, std::uint64_t key) {
  return find_slot(entries(shard), shard.lines, at<BlockEntry>(shard.end), key);
}

inline BlockEntry* find(const Shard& shard, std::uint64_t key) {
  if (shard.table == 0) {
    return nullptr;
  }
  auto* slot = find_slot(shard, key);
  return slot->low == 0 ? nullptr : slot;
}

inline void put(BlockEntry* slot, const BlockEntry& block) {
  slot->high = block.high;
  in_order();
  slot->low = block.low;
}

/// Moves a shard's blocks to a table of `slots`, each once. False where there is no memory.
inline bool rebuild(Control& control, Shard& shard, std::uint64_t slots) {
  const bool has_pools = space_of(control, shard) != 0;
  const auto slot_size = sizeof(BlockEntry) + (has_pools ? sizeof(std::uint64_t) : 0);
  const auto mapped = whole_pages(sizeof(BlockTable) + slots * slot_size);
  const auto table = map(control, mapped);
  if (table == 0) {
    return false;
  }
  auto& head = *at<BlockTable>(table);
  head.capacity = (mapped - sizeof(BlockTable)) / slot_size / kSlotsPerLine * kSlotsPerLine;
  head.mapped = mapped;
  auto* to = at<BlockEntry>(table + sizeof(BlockTable));
  auto* to_pools = at<std::uint64_t>(address_of(to + head.capacity));
  std::uint64_t count = 0;
  const auto old = shard.table;
  const auto old_slots = capacity(shard);
  const auto* old_pools = at<std::uint64_t>(address_of(entries(shard) + old_slots));
  for (std::uint64_t i = 0; i < old_slots; ++i) {
    const auto block = entries(shard)[i];
    if (block.low != 0) {
      auto* slot = find_slot(to, head.capacity / kSlotsPerLine, to + head.capacity, block_address(block));
      count += slot->low == 0 ? 1 : 0;
      *slot = block;
      if (has_pools) {
        to_pools[slot - to] = old_pools[i];
      }
    }
  }
  in_order();
  shard.table = table;
  know_table(shard);
  shard.count = count;
  if (old != 0) {
    unmap(control, old, at<BlockTable>(old)->mapped);
  }
  return true;
}

// By little where it is large: a table that doubles is half empty.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool grow(Control& control, Shard& shard) {
  constexpr std::uint64_t kSmall = 4096;
  const auto slots = capacity(shard);
  return rebuild(control, shard, slots < kSmall ? slots * 2 + 200 : slots + slots / 8);
}

/// Where a new block with this key goes; nullptr where there is no room and no memory. A slot that is not empty holds a
/// block with this very key.
inline BlockEntry* room_for(Control& control, Shard& shard, std::uint64_t key) {
  if (shard.count >= shard.most) [[unlikely]] {
    if (!grow(control, shard) && shard.count + 2 > capacity(shard)) {
      return nullptr;
    }
  }
  return find_slot(shard, key);
}

/// Fills an empty slot.
inline void put(Shard& shard, BlockEntry* slot, const BlockEntry& block, std::uint8_t space, std::uint64_t pool) {
  if (space != 0) [[unlikely]] {
    pools(shard)[slot - entries(shard)] = pool;
    in_order();
  }
  put(slot, block);
  ++shard.count;
}

/// The pool that the block in a slot came from.
inline std::uint64_t pool_of(const Shard& shard, const BlockEntry* slot, std::uint8_t space) {
  return space == 0 ? 0 : pools(shard)[slot - entries(shard)];
}

/// Empties a slot, and closes the gap so that every search still ends at what it looks for.
inline void erase(Shard& shard, BlockEntry* slot, std::uint8_t space) {
  auto* const table = entries(shard);
  const auto lines = shard.lines;
  const auto* const end = at<BlockEntry>(shard.end);
  auto* hole = slot;
  hole->low = 0;
  --shard.count;
  for (auto* next = hole;;) {
    ++next;
    next = next == end ? table : next;
    if (next->low == 0) {
      return;
    }
    const auto* wanted = home(table, lines, block_address(*next));
    const bool stays = hole <= next ? hole < wanted && wanted <= next : hole < wanted || wanted <= next;
    if (!stays) {
      if (space != 0) [[unlikely]] {
        pools(shard)[hole - table] = pools(shard)[next - table];
        in_order();
      }
      put(hole, *next);
      in_order();
      next->low = 0;
      hole = next;
    }
  }
}

}  // namespace memsnap::recorder
