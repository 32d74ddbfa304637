#pragma once

#include "core/recorder/code/blocks.h"

/// A state for each thread, found by its thread pointer.
namespace memsnap::recorder {

inline void count_lost(Control& control, ThreadState* state, Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  if (state != nullptr) {
    ++state->not_recorded[index];
  } else {
    __atomic_fetch_add(&control.not_recorded[index], 1, __ATOMIC_RELAXED);
  }
}

// Nothing is known of the thread's stack and its modules.
inline void forget_walks(ThreadState& state) {
  state.walked_count = 0;
  state.last.pc = 0;
  for (auto& range : state.stack_ranges) {
    range = {};
  }
}

inline OriginRecord* origin_record(Control& control, std::uint32_t number) {
  const auto chunk = control.origin_chunks[(number - 1) / kOriginsPerChunk];
  return at<OriginRecord>(chunk) + (number - 1) % kOriginsPerChunk;
}

inline std::uint64_t key_of(Control& control, const BlockEntry& block) {
  return make_key(block_address(block), origin_record(control, block_origin(block))->space);
}

// The ring's entry of a sequence number; nullptr where nothing is kept of freed blocks.
inline FreedEntry* freed_entry(const Control& control, std::uint64_t sequence) {
  const auto ring = *const_cast<const volatile std::uint64_t*>(&control.history);
  return ring == 0 ? nullptr
                   : at<FreedEntry>(ring + sizeof(FreedRing)) + (sequence - 1) % at<FreedRing>(ring)->capacity;
}

inline void forget_freed(const Control& control, std::uint64_t sequence) {
  auto* freed = sequence == 0 ? nullptr : freed_entry(control, sequence);
  if (freed != nullptr && (freed->sequence & ~kBeingWritten) == sequence) {
    freed->sequence = 0;
  }
}

/// Takes an operation back that its thread will never complete.
inline void take_back(Control& control, ThreadState& state) {
  auto& operation = state.operation;
  const auto kind = operation.kind;
  if (kind == OperationKind::settled) {
    state.detached = {};
  } else if (kind != OperationKind::none) {
    for (auto i = undo_count(kind); i-- > 0;) {
      if (const auto& undo = operation.undo[i]; undo.address != 0) {
        *at<std::uint64_t>(undo.address) = undo.values[0];
        *at<std::uint64_t>(undo.address + sizeof(std::uint64_t)) = undo.values[1];
      }
    }
    auto& shard = shard_of(control, operation.block);
    const auto space = key_space(operation.block);
    auto* slot = find(shard, operation.block);
    if (kind == OperationKind::free) {
      auto* room = slot == nullptr ? room_for(control, shard, operation.block) : nullptr;
      if (room != nullptr) {
        put(shard, room, operation.old, space, operation.pool);
      }
    } else if (slot != nullptr) {
      erase(shard, slot, space);
    }
  }
  if (kind != OperationKind::settled && kind != OperationKind::none) {
    forget_freed(control, operation.history);
  }
  operation.history = 0;
  operation.kind = OperationKind::none;
  if (state.detached.low != 0) {
    const auto key = key_of(control, state.detached);
    auto& shard = shard_of(control, key);
    auto* slot = room_for(control, shard, key);
    if (slot != nullptr && slot->low == 0) {
      put(shard, slot, state.detached, key_space(key), state.detached_pool);
    }
    state.detached = {};
  }
  state.busy = 0;
  state.outer_stack = 0;
}

/// In a forked child only the thread that forked goes on: what the others held is free, and what they had begun is
/// taken back.
inline void enter_child(Control& control, ThreadState& mine) {
  for (auto& shard : control.shards) {
    if (shard.lock != 0) {
      if (shard.table != 0 && shard.generation == control.generation) {
        know_table(shard);
        rebuild(control, shard, capacity(shard));
      }
      shard.lock = 0;
    }
  }
  for (auto next = control.threads; next != 0;) {
    auto& state = *at<ThreadState>(next);
    next = state.next;
    if (&state != &mine) {
      take_back(control, state);
    }
  }
}

inline ForeignFrees* foreign_slot(std::uint64_t table, std::uint64_t origin) {
  auto* slots = at<ForeignFrees>(table + sizeof(ForeignTable));
  const auto capacity = at<ForeignTable>(table)->capacity;
  auto slot = mix(origin) & (capacity - 1);
  while (slots[slot].origin != 0 && slots[slot].origin != origin) {
    slot = (slot + 1) & (capacity - 1);
  }
  return slots + slot;
}

// Whether all blocks of an origin have been freed, as far as can be seen while other threads run.
inline bool is_idle(Control& control, std::uint32_t number) {
  const auto& origin = *origin_record(control, number);
  auto freed = origin.freed_count;
  for (auto next = __atomic_load_n(&control.threads, __ATOMIC_ACQUIRE); next != 0; next = at<ThreadState>(next)->next) {
    const auto table = __atomic_load_n(&at<ThreadState>(next)->foreign, __ATOMIC_ACQUIRE);
    if (table != 0) {
      freed += __atomic_load_n(&foreign_slot(table, number)->freed_count, __ATOMIC_RELAXED);
    }
  }
  return freed == origin.allocated_count;
}

/// An origin in its thread's index: half of its hash shows that it is another without a look at its record.
inline std::uint64_t index_entry(std::uint64_t hash, std::uint32_t number) {
  return (hash & ~std::uint64_t{0xffff'ffff}) | number;
}

// Enters an origin into an index that has room; false where it has one of that hash.
inline bool enter_origin(Control& control, std::uint64_t* index, std::uint64_t capacity, std::uint32_t number) {
  const auto hash = origin_record(control, number)->hash;
  auto slot = hash & (capacity - 1);
  for (; index[slot] != 0; slot = (slot + 1) & (capacity - 1)) {
    if (origin_record(control, static_cast<std::uint32_t>(index[slot]))->hash == hash) {
      return false;
    }
  }
  index[slot] = index_entry(hash, number);
  return true;
}

/// Another thread has this state's thread pointer now: the one before has ended. It takes over the origins of which
/// nothing is live, those that earlier threads left among them; the others stay with the thread that is gone. So
/// threads that come and go need no more than what they leave behind.
inline void enter_next_thread(Control& control, ThreadState& state) {
  for (auto& shard : control.shards) {
    if (shard.lock == state.number) {
      shard.lock = 0;
    }
  }
  take_back(control, state);
  state.index = __atomic_add_fetch(&control.thread_index, 1, __ATOMIC_RELAXED);
  forget_walks(state);
  const auto old = state.origin_index;
  const auto capacity = state.origin_capacity;
  if (old == 0) {
    return;
  }
  const auto fresh = map(control, capacity * sizeof(std::uint64_t));
  auto* index = at<std::uint64_t>(fresh);
  auto left = static_cast<std::uint32_t>(state.left_origins);
  state.left_origins = 0;
  state.origin_count = 0;
  const auto sort_in = [&](std::uint32_t number) {
    auto& origin = *origin_record(control, number);
    if (origin.hash == 0) {
      return;  // dead: the debugger found that its code is another module's now
    }
    if (fresh != 0 && (state.origin_count + 1) * 4 < capacity * 3 && is_idle(control, number) &&
        enter_origin(control, index, capacity, number)) {
      origin.thread = state.index;
      ++state.origin_count;
    } else {
      origin.next_left = static_cast<std::uint32_t>(state.left_origins);
      state.left_origins = number;
    }
  };
  for (std::uint64_t i = 0; i < capacity; ++i) {
    if (at<std::uint64_t>(old)[i] != 0) {
      sort_in(static_cast<std::uint32_t>(at<std::uint64_t>(old)[i]));
    }
  }
  while (left != 0) {
    const auto number = left;
    left = origin_record(control, number)->next_left;
    sort_in(number);
  }
  unmap(control, old, capacity * sizeof(std::uint64_t));
  state.origin_index = fresh;
  state.origin_capacity = fresh == 0 ? 0 : capacity;
}

[[gnu::noinline]] inline ThreadState* make_state(Control& control, ThreadSlot& slot, std::uint64_t key,
                                                 std::uint64_t pointer) {
  const auto address = map(control, sizeof(ThreadState));
  if (address == 0) {
    count_lost(control, nullptr, Reason::no_memory);
    return nullptr;
  }
  std::uint64_t empty = 0;
  // Nobody else has this key but a signal handler on this thread.
  if (!__atomic_compare_exchange_n(&slot.thread_pointer, &empty, key, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    unmap(control, address, sizeof(ThreadState));
    count_lost(control, nullptr, Reason::interrupted);
    return nullptr;
  }
  auto& state = *at<ThreadState>(address);
  state.thread_pointer = pointer;
  state.number = __atomic_add_fetch(&control.thread_count, 1, __ATOMIC_SEQ_CST);
  state.index = __atomic_add_fetch(&control.thread_index, 1, __ATOMIC_RELAXED);
  state.tid_word = control.tid_offset == 0 || pointer == 0 ? address_of(&state.tid) : pointer + control.tid_offset;
  state.tid = *at<const volatile std::uint32_t>(state.tid_word);
  if (state.tid == 0) {
    state.tid = is_denied(control, Denied::gettid) ? 0 : static_cast<std::uint32_t>(kernel(Call6::gettid));
  }
  std::uint32_t none = 0;
  if (control.process == 0 && !is_denied(control, Denied::getpid)) {
    __atomic_compare_exchange_n(&control.process, &none, static_cast<std::uint32_t>(kernel(Call6::getpid)), false,
                                __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  }
  auto first = __atomic_load_n(&control.threads, __ATOMIC_RELAXED);
  do {
    state.next = first;
  } while (!__atomic_compare_exchange_n(&control.threads, &first, address, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  // What the others may gain together with this one is less than they were told: see live_sum.h.
  __atomic_store_n(&control.grown, 1, __ATOMIC_SEQ_CST);
  if (control.limit.bytes != 0) {
    __atomic_store_n(&control.limit.rise, INT64_MIN, __ATOMIC_SEQ_CST);
    __atomic_store_n(&control.allowance, INT64_MIN, __ATOMIC_SEQ_CST);
  }
  __atomic_store_n(&slot.state, address, __ATOMIC_RELEASE);
  return &state;
}

[[gnu::noinline, gnu::no_caller_saved_registers]] inline void another_tid(Control& control, ThreadState& state,
                                                                          std::uint32_t tid) {
  // Where that cannot be asked: a process that may not even do that has no children.
  const auto process =
      is_denied(control, Denied::getpid) ? control.process : static_cast<std::uint32_t>(kernel(Call6::getpid));
  if (process != control.process) {
    control.process = process;
    enter_child(control, state);
  } else if (state.tid != 0) {
    enter_next_thread(control, state);
  }
  state.tid = tid;
}

// Where a thread's slot would be, and those tried after it.
inline std::uint64_t first_slot(std::uint64_t key) {
  static_assert(kThreadSlots == std::size_t{1} << 14);
  return (key * 0x9e3779b97f4a7c15ULL) >> 50;
}

[[gnu::noinline, gnu::no_caller_saved_registers]] inline ThreadState* search_state(Control& control, std::uint64_t key,
                                                                                   std::uint64_t pointer) {
  auto index = first_slot(key);
  for (std::size_t tries = 0; tries < kThreadSlots; ++tries) {
    auto& slot = control.thread_slots[index];
    const auto found = __atomic_load_n(&slot.thread_pointer, __ATOMIC_RELAXED);
    if (found == key) {
      auto* state = at<ThreadState>(__atomic_load_n(&slot.state, __ATOMIC_ACQUIRE));
      if (state == nullptr) {
        count_lost(control, nullptr, Reason::interrupted);
      }
      return state;
    }
    if (found == 0) {
      return make_state(control, slot, key, pointer);
    }
    index = (index + 1) & (kThreadSlots - 1);
  }
  count_lost(control, nullptr, Reason::threads);
  return nullptr;
}

/// The state of the thread that runs this; nullptr where it cannot have one (which is counted).
[[gnu::always_inline]] inline ThreadState* thread_state(Control& control, std::uint64_t pointer) {
  const auto& slot = control.thread_slots[first_slot(pointer)];
  auto* state = at<ThreadState>(slot.state);
  if (slot.thread_pointer != pointer || state == nullptr) [[unlikely]] {
    // Before the C library has set its threads up there is one, without a thread pointer.
    state = search_state(control, pointer == 0 ? 1 : pointer, pointer);
    if (state == nullptr) {
      return nullptr;
    }
  }
  if (const auto tid = *at<const volatile std::uint32_t>(state->tid_word); tid != state->tid && tid != 0) [[unlikely]] {
    another_tid(control, *state, tid);
  }
  return state;
}

}  // namespace memsnap::recorder
