// The code that records inside the inferior. It is compiled to an image of its own, which the debugger puts into the
// process: no C library, no data of its own, no relocations. hooks.S calls what is extern "C" here.

#include "core/recorder/code/call.h"
#include "core/recorder/code/filters.h"
#include "core/recorder/code/origins.h"

namespace memsnap::recorder {
namespace {

// What threads may have in hand before they add it to the sum: the peak is right to so many bytes for each thread
// beside the one that sees it.
constexpr std::int64_t kInHand = std::int64_t{64} << 10;

// An operation, from where it counts for nothing to where all of it counts. What a stop in between shows is `undo`'s to
// take back.
class Entry {
 public:
  Entry(ThreadState& state, OperationKind kind, std::uint64_t block) : operation_(state.operation) {
    operation_.undo_count = 0;
    operation_.block = block;
    in_order();
    operation_.kind = kind;
    in_order();
  }
  void add(std::uint64_t& counter, std::uint64_t by) {
    const auto value = counter;
    operation_.undo[undone_] = {address_of(&counter), value};
    in_order();
    operation_.undo_count = ++undone_;
    in_order();
    counter = value + by;
  }
  void settle(OperationKind kind) {
    in_order();
    operation_.kind = kind;
    in_order();
  }

 private:
  Operation& operation_;
  std::uint32_t undone_ = 0;
};

void grow_live(Control& control, ThreadState& state, std::uint64_t size) {
  const auto here = state.live + static_cast<std::int64_t>(size);
  const auto all = __atomic_load_n(&control.live, __ATOMIC_RELAXED) + here;
  state.live = here;
  if (all > static_cast<std::int64_t>(state.peak)) {
    state.peak = static_cast<std::uint64_t>(all);
  }
  if (here > kInHand) {
    state.live = 0;
    __atomic_fetch_add(&control.live, here, __ATOMIC_RELAXED);
  }
}

void shrink_live(Control& control, ThreadState& state, std::uint64_t size) {
  state.live -= static_cast<std::int64_t>(size);
  if (state.live < -kInHand) {
    const auto here = state.live;
    state.live = 0;
    __atomic_fetch_add(&control.live, here, __ATOMIC_RELAXED);
  }
}

// Where a freed block is counted: with its origin where that is this thread's own.
struct Freed {
  std::uint64_t* count = nullptr;
  std::uint64_t* bytes = nullptr;
};

[[gnu::noinline]] Freed foreign_counters(Control& control, ThreadState& state, std::uint32_t number) {
  auto* foreign = foreign_frees(control, state, number);
  return foreign == nullptr ? Freed() : Freed{&foreign->freed_count, &foreign->freed_bytes};
}

[[gnu::always_inline]] inline Freed freed_counters(Control& control, ThreadState& state, const BlockEntry& block) {
  const auto number = block_origin(block);
  auto& origin = *origin_record(control, number);
  if (origin.thread == state.index) [[likely]] {
    return {&origin.freed_count, &origin.freed_bytes};
  }
  return foreign_counters(control, state, number);
}

// Whether the user has not had all blocks forgotten since the lock was taken. Asked once an operation shows, from where
// on the debugger counts with it.
bool is_current(const Control& control, const Shard& shard) {
  return *const_cast<const volatile std::uint32_t*>(&control.generation) == shard.generation;
}

// Takes the block at `address` out of the table, into `state.detached`.
[[gnu::noinline]] void detach(Control& control, ThreadState& state, std::uint64_t address) {
  auto& shard = shard_of(control, address);
  if (!lock(control, shard, state.number)) {
    count_lost(control, &state, Reason::held);
    return;
  }
  if (auto* slot = find(shard, address); slot != nullptr) {
    state.detached.high = slot->high;
    in_order();
    state.detached.low = slot->low;
    in_order();
    if (is_current(control, shard)) [[likely]] {
      erase(shard, slot);
    } else {
      state.detached.low = 0;
    }
  }
  unlock(shard);
}

void free_block(Control& control, ThreadState& state, const Call& call, std::uint64_t address) {
  auto& shard = shard_of(control, address);
  if (!lock(control, shard, state.number)) {
    count_lost(control, &state, Reason::held);
    return;
  }
  auto* slot = find(shard, address);
  if (slot == nullptr) {
    unlock(shard);
    // What is in no book of a process that was recorded from its start, and is freed from inside the allocator's own
    // module, never was the program's: glibc's per-thread cache is given back so when a thread ends.
    const auto caller = *at<const std::uint64_t>(call.stack);
    const auto& site = *call.site;
    if (control.from_start == 0 || caller < site.module_begin || caller >= site.module_end) {
      ++state.unknown_frees;
    }
    return;
  }
  const auto block = *slot;
  const auto freed = freed_counters(control, state, block);
  if (freed.count == nullptr) {
    unlock(shard);
    count_lost(control, &state, Reason::no_memory);
    return;
  }
  state.operation.old = block;
  Entry entry(state, OperationKind::free, address);
  if (!is_current(control, shard)) [[unlikely]] {
    entry.settle(OperationKind::none);
    unlock(shard);
    ++state.unknown_frees;
    return;
  }
  erase(shard, slot);
  unlock(shard);
  entry.add(*freed.count, 1);
  entry.add(*freed.bytes, block_size(block));
  entry.settle(OperationKind::none);
  shrink_live(control, state, block_size(block));
}

// A realloc of a block that gave none: size 0, and the C library takes that for a free.
[[gnu::noinline]] void free_detached(Control& control, ThreadState& state) {
  const auto block = state.detached;
  const auto freed = freed_counters(control, state, block);
  if (freed.count == nullptr) {
    count_lost(control, &state, Reason::no_memory);
    return;
  }
  state.operation.old = {};
  Entry entry(state, OperationKind::reallocate, 0);
  entry.add(*freed.count, 1);
  entry.add(*freed.bytes, block_size(block));
  entry.settle(OperationKind::settled);
  state.detached.low = 0;
  entry.settle(OperationKind::none);
  shrink_live(control, state, block_size(block));
}

// The block that a failed realloc left where it was.
[[gnu::noinline]] void attach_again(Control& control, ThreadState& state) {
  const auto address = block_address(state.detached);
  auto& shard = shard_of(control, address);
  if (!lock(control, shard, state.number)) {
    count_lost(control, &state, Reason::held);
    return;
  }
  auto* slot = room_for(control, shard, address);
  if (slot != nullptr && slot->low == 0) {
    ++shard.count;
    put(slot, state.detached);
    unlock(shard);
    in_order();
    state.detached.low = 0;
    return;
  }
  unlock(shard);
  // Another block lies there by now, so that this one must be gone.
  ++state.missed_frees;
  free_detached(control, state);
}

[[gnu::noinline]] std::uint32_t walk_to_origin(Control& control, ThreadState& state, const Call& call,
                                               std::uint64_t limit) {
  WalkedFrame innermost;
  innermost.pc = *at<const std::uint64_t>(call.stack);
  innermost.sp = call.stack + sizeof(std::uint64_t);
  innermost.rbp = call.rbp;
  innermost.rbp_slot = 0;
  innermost.flags = 0;
  walk(control, state, innermost, limit);
  return find_origin(control, state, limit, call.site->domain);
}

std::uint32_t origin_of_call(Control& control, ThreadState& state, const Call& call) {
  std::uint64_t limit = control.frame_limit;
  limit = limit < 1 ? 1 : limit > kMostFrames ? kMostFrames : limit;
  // Most calls come from the very stack that the one before came from.
  const auto count = state.walked_count;
  if (count != 0 && state.modules_generation == control.modules_generation) [[likely]] {
    const auto& last = state.walked[count - 1];
    const auto first = count > limit ? count - limit : 0;
    if (last.sp == call.stack + sizeof(std::uint64_t) && last.pc == *at<const std::uint64_t>(call.stack) &&
        last.rbp == call.rbp && last.origin != 0 && last.domain == call.site->domain && is_enough(state, first) &&
        are_unchanged(state, first, count - 1)) [[likely]] {
      return last.origin;
    }
  }
  return walk_to_origin(control, state, call, limit);
}

// A block whose address is given out once more: its free was missed. Returns the slot for the new one.
[[gnu::noinline]] BlockEntry* close_missed(Control& control, ThreadState& state, Shard& shard, BlockEntry* slot,
                                           std::uint64_t address) {
  const auto missed = *slot;
  const auto counters = freed_counters(control, state, missed);
  state.operation.old = missed;
  Entry entry(state, OperationKind::free, address);
  erase(shard, slot);
  if (counters.count != nullptr) {
    entry.add(*counters.count, 1);
    entry.add(*counters.bytes, block_size(missed));
  }
  entry.settle(OperationKind::none);
  ++state.missed_frees;
  shrink_live(control, state, block_size(missed));
  return find_slot(entries(shard), capacity(shard), address);
}

// Enters a new block; what a realloc took before is counted as freed in the same moment.
void allocate(Control& control, ThreadState& state, const Call& call, std::uint64_t address, std::uint64_t size) {
  // What a realloc that this call interrupts has detached is not this one's.
  const auto old = call.site->kind == SiteKind::reallocate ? state.detached : BlockEntry{};
  const bool has_old = old.low != 0;
  if ((address & 7) != 0 || address >> (kAddressBits + 3) != 0 || size >> kSizeBits != 0) {
    count_lost(control, &state, Reason::unusual);
    if (has_old) {
      free_detached(control, state);
    }
    return;
  }
  const auto number = origin_of_call(control, state, call);
  const auto freed = has_old ? freed_counters(control, state, old) : Freed();
  auto& shard = shard_of(control, address);
  if (number == 0 || (has_old && freed.count == nullptr) || !lock(control, shard, state.number)) {
    if (number != 0) {
      count_lost(control, &state, has_old && freed.count == nullptr ? Reason::no_memory : Reason::held);
    }
    if (has_old) {
      free_detached(control, state);
    }
    return;
  }
  auto* slot = room_for(control, shard, address);
  if (slot == nullptr) {
    unlock(shard);
    count_lost(control, &state, Reason::no_memory);
    if (has_old) {
      free_detached(control, state);
    }
    return;
  }
  if (slot->low != 0) [[unlikely]] {
    slot = close_missed(control, state, shard, slot, address);
  }
  const auto block = make_block(address, size, number, control.epoch);
  state.operation.old = block;
  Entry entry(state, has_old ? OperationKind::reallocate : OperationKind::allocate, address);
  if (!is_current(control, shard)) [[unlikely]] {
    entry.settle(OperationKind::none);
    unlock(shard);
    allocate(control, state, call, address, size);  // in the table as it is now
    return;
  }
  put(slot, block);
  ++shard.count;
  unlock(shard);
  if (has_old) {
    entry.add(*freed.count, 1);
    entry.add(*freed.bytes, block_size(old));
  }
  auto& origin = *origin_record(control, number);
  entry.add(origin.allocated_count, 1);
  entry.add(origin.allocated_bytes, size);
  if (has_old) {
    entry.settle(OperationKind::settled);
    state.detached.low = 0;
    shrink_live(control, state, block_size(old));
  }
  entry.settle(OperationKind::none);
  grow_live(control, state, size);
}

// Whether a call is part of the one that is under way on its thread: it comes from the allocator's own module, or was
// jumped to by the entry point that the hook called. Else the allocator called the program back (a new handler, the
// memory of an exception), or a signal handler makes it: then it is one of its own.
[[gnu::noinline]] bool is_part_of_outer(const Control& control, const ThreadState& state, const Call& call) {
  const auto& outer = *at<const Site>(state.outer_site);
  const auto caller = *at<const std::uint64_t>(call.stack);
  return (caller >= outer.module_begin && caller < outer.module_end) ||
         (caller >= control.code_begin && caller < control.code_end);
}

[[gnu::always_inline]] inline ThreadState* enter(Call& call) {
  auto& control = call.control();
  auto* state = thread_state(control);
  call.state = state;
  if (state == nullptr) {
    return nullptr;
  }
  if (state->busy != 0) [[unlikely]] {
    count_lost(control, state, Reason::interrupted);
    return nullptr;
  }
  // One that stands at or below this one on the stack was left without a return.
  if (state->outer_stack > call.stack && is_part_of_outer(control, *state, call)) [[unlikely]] {
    return nullptr;
  }
  return state;
}

struct Size {
  std::uint64_t bytes;
  bool overflows;
};

Size size_of(const Call& call) {
  Size size{call.argument(call.site->size), false};
  if (call.site->count >= 0) {
    size.overflows = __builtin_mul_overflow(size.bytes, call.argument(call.site->count), &size.bytes);
  }
  return size;
}

class Busy {
 public:
  explicit Busy(ThreadState& state) : state_(state) {
    state_.busy = 1;
    in_order();
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    in_order();
    state_.busy = 0;
  }

 private:
  ThreadState& state_;
};

}  // namespace
}  // namespace memsnap::recorder

using namespace memsnap::recorder;

extern "C" {

// Before the entry point's own code. False: this call is none of ours.
[[gnu::visibility("hidden")]] bool memsnap_before(Call* call) {
  auto* state = enter(*call);
  if (state == nullptr) {
    return false;
  }
  const Busy busy(*state);
  auto& control = call->control();
  const auto& site = *call->site;
  const bool interrupts = state->outer_stack > call->stack;
  call->outer_stack = interrupts ? state->outer_stack : 0;
  call->outer_site = state->outer_site;
  if (!interrupts && state->detached.low != 0) [[unlikely]] {
    attach_again(control, *state);  // a realloc that was left without a return
  }
  if (state->detached.low != 0 && site.kind == SiteKind::reallocate) [[unlikely]] {
    count_lost(control, state, Reason::interrupted);  // of two reallocs at a time the outer one is kept
    return false;
  }
  state->outer_stack = 0;
  in_order();
  state->outer_site = address_of(&site);
  in_order();
  state->outer_stack = call->stack;
  const auto pointer = call->argument(site.pointer);
  if (pointer != 0) {
    if (site.kind == SiteKind::free) {
      free_block(control, *state, *call, pointer);
    } else if (site.kind == SiteKind::reallocate) {
      detach(control, *state, pointer);
    }
  }
  return true;
}

// After it; call->rax is its result.
[[gnu::visibility("hidden")]] void memsnap_after(Call* call) {
  auto& state = *call->state;
  auto& control = call->control();
  const auto& site = *call->site;
  const auto result = call->rax;
  const Busy busy(state);
  switch (site.kind) {
    case SiteKind::free:
      break;
    case SiteKind::allocate_out:
      // An int: the upper half of rax means nothing.
      if (static_cast<std::uint32_t>(result) == 0) {
        if (const auto block = *at<const std::uint64_t>(call->argument(site.pointer)); block != 0) {
          allocate(control, state, *call, block, size_of(*call).bytes);
        }
      }
      break;
    case SiteKind::allocate:
      if (result != 0) {
        allocate(control, state, *call, result, size_of(*call).bytes);
      }
      break;
    case SiteKind::reallocate: {
      const auto size = size_of(*call);
      const bool had_block = call->argument(site.pointer) != 0;
      const bool was_freed = result != 0 || (size.bytes == 0 && !size.overflows);
      if (had_block && was_freed && state.detached.low == 0) {
        ++state.unknown_frees;
      }
      if (result != 0) {
        allocate(control, state, *call, result, size.bytes);
      } else if (state.detached.low != 0) {
        if (was_freed) {
          free_detached(control, state);
        } else {
          attach_again(control, state);
        }
      }
      break;
    }
  }
  state.outer_stack = 0;
  in_order();
  state.outer_site = call->outer_site;
  in_order();
  state.outer_stack = call->outer_stack;
}

// A free, of an entry point that calls no other.
[[gnu::visibility("hidden")]] void memsnap_free(Call* call) {
  if (auto* state = enter(*call); state != nullptr) {
    const Busy busy(*state);
    free_block(call->control(), *state, *call, call->argument(call->site->pointer));
  }
}

// Before a filter of system calls is in force: the last moment for what it denies. Should the process not get its
// filter, this does no harm.
[[gnu::visibility("hidden")]] void memsnap_filter(Call* call) {
  auto& control = call->control();
  const auto denied = about_to_deny(control, *call) & ~control.denied;
  if (denied == 0) {
    return;
  }
  if ((denied >> static_cast<unsigned>(Denied::mmap) & 1) != 0) {
    make_reserve(control);
  }
  if (auto* state = thread_state(control); state != nullptr && state->busy == 0) {
    // Finds out how far the stack reaches.
    const Busy busy(*state);
    WalkedFrame innermost{};
    innermost.pc = *at<const std::uint64_t>(call->stack);
    innermost.sp = call->stack + sizeof(std::uint64_t);
    innermost.rbp = call->rbp;
    forget_walks(*state);
    walk(control, *state, innermost, kMostFrames);
  }
  __atomic_fetch_or(&control.denied, denied, __ATOMIC_RELAXED);
}

// The Control's address, from hooks.S.
[[gnu::visibility("hidden")]] extern const volatile std::uint64_t memsnap_control;

// Called for a hook's frame while an exception, or the end of a thread, passes through it.
// Source: Itanium C++ ABI, exception handling, 1.6.1.
[[gnu::visibility("hidden")]] int memsnap_personality(int, int actions, std::uint64_t, void*, void*) {
  constexpr int kCleanupPhase = 2;
  constexpr int kContinueUnwind = 8;
  if ((actions & kCleanupPhase) != 0 && memsnap_control != 0) {
    if (auto* state = thread_state(*at<Control>(memsnap_control)); state != nullptr) {
      state->outer_stack = 0;
    }
  }
  return kContinueUnwind;
}

struct EhBases {  // libgcc's struct dwarf_eh_bases
  void* text;
  void* data;
  std::uint64_t function;
};

// The FDE of this code that covers `pc`, as libgcc's _Unwind_Find_FDE gives one. Source: LSB 5.0, .eh_frame.
[[gnu::visibility("hidden")]] std::uint64_t memsnap_find_fde(const Control* control, std::uint64_t pc, EhBases* bases) {
  for (auto entry = control->unwind_begin; entry + 8 < control->unwind_end;) {
    const auto length = *at<const std::uint32_t>(entry);
    if (length == 0) {
      break;
    }
    const auto is_fde = *at<const std::uint32_t>(entry + 4) != 0;
    // Ours have addresses of DW_EH_PE_pcrel | DW_EH_PE_sdata4.
    const auto begin = entry + 8 + static_cast<std::uint64_t>(std::int64_t{*at<const std::int32_t>(entry + 8)});
    const auto size = *at<const std::uint32_t>(entry + 12);
    if (is_fde && pc - begin < size) {
      *bases = {nullptr, nullptr, begin};
      return entry;
    }
    entry += 4 + length;
  }
  return 0;
}

}  // extern "C"
