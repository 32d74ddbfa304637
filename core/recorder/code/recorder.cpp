// The code that records inside the inferior. It is compiled to an image of its own, which the debugger puts into the
// process: no C library, no data of its own, no relocations. hooks.S calls what is extern "C" here.

#include "core/recorder/code/call.h"
#include "core/recorder/code/filters.h"
#include "core/recorder/code/live_sum.h"
#include "core/recorder/code/origins.h"
#include "core/recorder/code/tracer.h"

namespace memsnap::recorder {
namespace {

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

// An operation on counters that only this thread writes. First it is noted what they hold; from begin() on a stop shows
// them so, and from settle() on as they have come to be.
class Entry {
 public:
  Entry(ThreadState& state, std::uint64_t key, const BlockEntry& old) : operation_(state.operation) {
    operation_.block = key;
    operation_.old = old;
  }
  Counters note(Counters* counters) {
    const auto values = *counters;
    operation_.undo[undone_] = {address_of(&counters->count), values.count};
    operation_.undo[undone_ + 1] = {address_of(&counters->bytes), values.bytes};
    undone_ += 2;
    return values;
  }
  void free_of(std::uint64_t pool) { operation_.pool = pool; }
  void begin(OperationKind kind) {
    operation_.undo_count = undone_;
    settle(kind);
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

inline void add(Counters* counters, const Counters& values, std::uint64_t bytes) {
  counters->count = values.count + 1;
  counters->bytes = values.bytes + bytes;
}

// Of a block that another thread allocated; nullptr where there is no memory.
[[gnu::noinline, gnu::no_caller_saved_registers]] Counters* foreign_counters(Control& control, ThreadState& state,
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
bool is_current(const Control& control, const Shard& shard) {
  return *const_cast<const volatile std::uint32_t*>(&control.generation) == shard.generation;
}

// Takes a block out of the table, into `state.detached`.
[[gnu::noinline]] void detach(Control& control, ThreadState& state, std::uint64_t key) {
  auto& shard = shard_of(control, key);
  if (!lock(control, shard, state.number)) {
    count_lost(control, &state, Reason::held);
    return;
  }
  if (auto* slot = find(shard, key); slot != nullptr) {
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
    }
  }
  unlock(shard);
}

[[gnu::noinline, gnu::no_caller_saved_registers]] void count_unknown(ThreadState& state, const Call& call) {
  // What is in no book, and is freed from inside the allocator's own module, need not be the program's: glibc's
  // per-thread cache is given back so when a thread ends.
  if (!is_in_module_of(*call.site, call.return_address)) {
    ++state.unknown_frees;
  }
}

// The key that a block of this entry point has at `address`; 0 for an address where there can be none.
[[gnu::always_inline]] inline std::uint64_t key_at(const Site& site, std::uint64_t address) {
  return key_space(address) != 0 ? 0 : make_key(address, site.space);
}

// Counts the block in a slot as freed, and takes it out of the table of its shard, which is locked; `let_go` comes in
// between, once the table is as it shall be. False where the user has had all blocks forgotten: it is none any more.
template <typename LetGo>
[[gnu::always_inline]] inline bool free_slot(Control& control, ThreadState& state, Shard& shard, BlockEntry* slot,
                                             std::uint64_t key, Counters* freed, LetGo let_go) {
  const auto block = *slot;
  const auto space = key_space(key);
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
  entry.settle(OperationKind::none);
  shrink_live(control, state, block_size(block));
  return true;
}

[[gnu::always_inline]] inline void free_block(Control& control, ThreadState& state, const Call& call,
                                              std::uint64_t address, bool is_inside = false) {
  expect_shrink(control);
  const auto key = key_at(*call.site, address);
  auto& shard = shard_of(control, key);
  if (!lock(control, shard, state.number)) [[unlikely]] {
    count_lost(control, &state, Reason::held);
    return;
  }
  auto* slot = find(shard, key);
  if (slot == nullptr) [[unlikely]] {
    unlock(shard);
    if (!is_inside) {
      count_unknown(state, call);
    }
    return;
  }
  auto* freed = freed_counters(control, state, *slot);
  if (freed == nullptr) [[unlikely]] {
    unlock(shard);
    count_lost(control, &state, Reason::no_memory);
    return;
  }
  if (!free_slot(control, state, shard, slot, key, freed, [&shard] { unlock(shard); })) [[unlikely]] {
    unlock(shard);
    state.unknown_frees += is_inside ? 0 : 1;
  }
}

// Takes everything that is left of a pool, each block as a free of its own would: a stop in between shows some of them.
[[gnu::noinline]] void free_pool(Control& control, ThreadState& state, const Call& call) {
  const auto& site = *call.site;
  const auto pool = call.argument(site.pool);
  for (std::uint32_t i = 0; i < kShards; ++i) {
    auto& shard = control.shards[std::uint32_t{site.space} << kShardBits | i];
    if (shard.table == 0) {
      continue;
    }
    if (!lock(control, shard, state.number)) {
      count_lost(control, &state, Reason::held);
      continue;
    }
    for (std::uint64_t at = 0; at < shard.slots;) {
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
      if (!free_slot(control, state, shard, slot, make_key(block_address(*slot), site.space), freed, [] {})) {
        break;
      }
    }
    unlock(shard);
  }
}

// A realloc of a block that gave none: size 0, and the C library takes that for a free.
[[gnu::noinline]] void free_detached(Control& control, ThreadState& state) {
  expect_shrink(control);
  const auto block = state.detached;
  auto* freed = freed_counters(control, state, block);
  if (freed == nullptr) {
    count_lost(control, &state, Reason::no_memory);
    return;
  }
  Entry entry(state, 0, {});
  const auto values = entry.note(freed);
  entry.begin(OperationKind::reallocate);
  add(freed, values, block_size(block));
  entry.settle(OperationKind::settled);
  state.detached.low = 0;
  entry.settle(OperationKind::none);
  shrink_live(control, state, block_size(block));
}

// The block that a failed realloc left where it was.
[[gnu::noinline]] void attach_again(Control& control, ThreadState& state) {
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
  free_detached(control, state);
}

// Remembers where the walk that has just been made led to.
void remember_walk(Control& control, ThreadState& state, const Call& call, std::uint64_t limit) {
  const auto count = state.walked_count;
  const auto& innermost = state.walked[count - 1];
  const auto first = count > limit ? count - limit : 0;
  if (innermost.origin == 0 || !is_enough(state, first)) {
    return;
  }
  state.last = {.pc = innermost.pc,
                .sp = call.stack(),
                .rbp = innermost.rbp,
                .checks_begin = address_of(checks_end(state, first)),
                .checks_end = address_of(checks_end(state, count - 1)),
                .modules_generation = state.modules_generation,
                .record = address_of(origin_record(control, innermost.origin)),
                .origin = innermost.origin,
                .frame_limit = control.frame_limit,
                .domain = innermost.domain};
}

// The frame that a call returns to, as the call will leave it.
[[gnu::always_inline]] inline void set_frame(WalkedFrame& frame, const Call& call) {
  frame.pc = call.return_address;
  frame.sp = call.stack() + sizeof(std::uint64_t);
  frame.rbp = call.rbp;
  frame.rbp_slot = 0;
  frame.flags = 0;
}

[[gnu::noinline, gnu::no_caller_saved_registers]] std::uint32_t walk_to_origin(Control& control, ThreadState& state,
                                                                               const Call& call) {
  const std::uint64_t wanted = control.frame_limit;
  const auto limit = wanted < 1 ? 1 : wanted > kMostFrames ? kMostFrames : wanted;
  WalkedFrame innermost;
  set_frame(innermost, call);
  walk(control, state, innermost, limit);
  const auto number = find_origin(control, state, limit, *call.site);
  remember_walk(control, state, call, limit);
  return number;
}

// Most calls come from the very stack that the one before came from.
[[gnu::always_inline]] inline bool is_last_call(const Control& control, const ThreadState& state, const Call& call) {
  const auto& last = state.last;
  return last.origin != 0 && last.pc == call.return_address && last.sp == call.stack() && last.rbp == call.rbp &&
         last.domain == call.site->domain && last.modules_generation == control.modules_generation &&
         last.frame_limit == control.frame_limit &&
         are_unchanged(at<const WalkCheck>(last.checks_begin), at<const WalkCheck>(last.checks_end));
}

// A block whose address is given out once more: its free was missed. Returns the slot for the new one.
[[gnu::noinline, gnu::no_caller_saved_registers]] BlockEntry* close_missed(Control& control, ThreadState& state,
                                                                           Shard& shard, BlockEntry* slot,
                                                                           std::uint64_t key) {
  expect_shrink(control);
  const auto missed = *slot;
  auto* freed = freed_counters(control, state, missed);
  const auto space = key_space(key);
  Entry entry(state, key, missed);
  entry.free_of(pool_of(shard, slot, space));
  const auto values = freed == nullptr ? Counters() : entry.note(freed);
  entry.begin(OperationKind::free);
  erase(shard, slot, space);
  if (freed != nullptr) {
    add(freed, values, block_size(missed));
  }
  entry.settle(OperationKind::none);
  ++state.missed_frees;
  shrink_live(control, state, block_size(missed));
  return find_slot(entries(shard), shard.slots, key);
}

[[gnu::noinline, gnu::no_caller_saved_registers]] void lose(Control& control, ThreadState& state, Reason reason,
                                                            bool has_old) {
  count_lost(control, &state, reason);
  if (has_old) {
    free_detached(control, state);
  }
}

// Enters a new block. What a realloc took before is counted as freed in the same moment: what the outer of two reallocs
// has detached is not the inner call's. Returns whether the user's limit has just been passed.
template <bool kReallocates>
[[gnu::always_inline]] inline bool allocate(Control& control, ThreadState& state, const Call& call,
                                            std::uint64_t address, std::uint64_t size) {
  const auto old = kReallocates ? state.detached : BlockEntry{};
  const bool has_old = kReallocates && old.low != 0;
  if ((address & 7) != 0 || address >> (kAddressBits + 3) != 0 || size >> kSizeBits != 0) [[unlikely]] {
    lose(control, state, Reason::unusual, has_old);
    return false;
  }
  const auto space = call.site->space;
  const auto key = make_key(address, space);
  auto& shard = shard_of(control, key);
  expect_block(shard, key);
  auto number = state.last.origin;
  if (!is_last_call(control, state, call)) {
    number = walk_to_origin(control, state, call);
    if (number == 0) {
      if (has_old) {
        free_detached(control, state);
      }
      return false;
    }
  }
  auto& origin = *origin_record(control, number);
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
      entry.settle(OperationKind::settled);
      state.detached.low = 0;
    }
    entry.settle(OperationKind::none);
    return change_live(control, state,
                       static_cast<std::int64_t>(size) - (has_old ? static_cast<std::int64_t>(block_size(old)) : 0));
  }
}

// Whether a call is part of the one that is under way on its thread: it comes from the allocator's own module, or was
// jumped to by the entry point that the hook called. Else the allocator called the program back (a new handler, the
// memory of an exception), or a signal handler makes it: then it is one of its own.
[[gnu::noinline, gnu::no_caller_saved_registers]] bool is_part_of_outer(const ThreadState& state, const Call& call) {
  return is_in_module_of(*at<const Site>(state.outer_site), call.return_address) ||
         is_recorder_code(call.control(), call.return_address);
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

// Whether the call of a pool's entry point that is under way is still there, which this one then is part of: a pool may
// have been left by a longjmp. Its hook waits for it, so that the stack leads by there.
[[gnu::noinline, gnu::no_caller_saved_registers]] bool is_on_stack(ThreadState& state, const Call& call) {
  const Busy busy(state);
  const auto& control = call.control();
  const auto hook = state.outer_stack - offsetof(Call, return_address);
  const auto slot = hook - sizeof(std::uint64_t);  // where the hook's call has put its return address
  std::uint64_t returns_to = 0;
  if (call.stack() > slot || !word(control, state, slot, returns_to) || !is_recorder_code(control, returns_to)) {
    return false;
  }
  if (call.stack() == slot || is_in_module_of(*at<const Site>(state.outer_site), call.return_address)) [[likely]] {
    return true;  // jumped to by it, or called
  }
  follow_modules(control, state);
  WalkedFrame frame;
  set_frame(frame, call);
  Walker walker(control, state);
  constexpr int kMostSteps = 1024;
  for (int steps = 0; steps < kMostSteps; ++steps) {
    if (frame.sp == hook && is_recorder_code(control, frame.pc)) {
      return true;
    }
    if (frame.sp > hook) {
      return false;
    }
    WalkedFrame caller;
    if (!walker.step(frame, caller)) {
      break;
    }
    frame = caller;
  }
  return true;  // as far as can be seen
}

// Whether a call is part of the pool's that is under way on its thread; forgets that one where it was left.
[[gnu::noinline, gnu::no_caller_saved_registers]] bool is_part_of_pool(ThreadState& state, const Call& call) {
  if (is_on_stack(state, call)) {
    return true;
  }
  state.outer_stack = 0;
  return false;
}

// A call inside one of a pool of the user's own: the memory is the pool's own business. Nothing is added, and what is
// in the books already comes off. True where its end is waited for.
[[gnu::noinline, gnu::no_caller_saved_registers]] bool take_inside(ThreadState& state, const Call& call) {
  const Busy busy(state);
  auto& control = call.control();
  const auto& site = *call.site;
  if (site.kind == SiteKind::free_all) {
    free_pool(control, state, call);
    return false;
  }
  if (site.kind != SiteKind::free && site.kind != SiteKind::reallocate) {
    return false;
  }
  const auto pointer = call.argument(site.pointer);
  if (pointer == 0) {
    return false;
  }
  if (site.kind == SiteKind::reallocate && state.detached.low == 0) {
    return true;
  }
  free_block(control, state, call, pointer, true);
  return false;
}

bool is_in_pool(const ThreadState& state) { return at<const Site>(state.outer_site)->space != 0; }

[[gnu::always_inline]] inline ThreadState* enter(const Call& call) {
  auto& control = call.control();
  auto* state = thread_state(control);
  if (state == nullptr) [[unlikely]] {
    return nullptr;
  }
  if (state->busy != 0) [[unlikely]] {
    count_lost(control, state, Reason::interrupted);
    return nullptr;
  }
  // One that stands at or below this one on the stack was left without a return.
  if (state->outer_stack > call.stack()) [[unlikely]] {
    if (is_in_pool(*state) ? is_part_of_pool(*state, call) && !take_inside(*state, call)
                           : is_part_of_outer(*state, call)) {
      return nullptr;
    }
  }
  return state;
}

struct Size {
  std::uint64_t bytes;
  bool overflows;
};

Size size_of(const Call& call) {
  Size size{call.site->size < 0 ? call.site->bytes : call.argument(call.site->size), false};
  if (call.site->count >= 0) {
    size.overflows = __builtin_mul_overflow(size.bytes, call.argument(call.site->count), &size.bytes);
  }
  return size;
}

inline void begin_outer(ThreadState& state, const Call& call) {
  state.outer_site = address_of(call.site);
  in_order();
  state.outer_stack = call.stack();
}

// A call that interrupts another, or takes a block. False: it is not recorded.
[[gnu::noinline, gnu::no_caller_saved_registers]] bool begin_call(ThreadState& state, Call& call) {
  const Busy busy(state);
  auto& control = call.control();
  const auto& site = *call.site;
  const bool interrupts = state.outer_stack > call.stack();
  call.outer_stack = interrupts ? state.outer_stack : 0;
  call.outer_site = state.outer_site;
  if (!interrupts && state.detached.low != 0) [[unlikely]] {
    attach_again(control, state);  // a realloc that was left without a return
  }
  if (state.detached.low != 0 && site.kind == SiteKind::reallocate) [[unlikely]] {
    count_lost(control, &state, Reason::interrupted);  // of two reallocs at a time the outer one is kept
    return false;
  }
  state.outer_stack = 0;
  in_order();
  begin_outer(state, call);
  const auto pointer = call.argument(site.pointer);
  if (site.kind == SiteKind::free_all) {
    free_pool(control, state, call);
  } else if (pointer != 0) {
    if (site.kind == SiteKind::free) {
      free_block(control, state, call, pointer);
    } else if (site.kind == SiteKind::reallocate) {
      detach(control, state, key_at(site, pointer));
    }
  }
  return true;
}

// The end of a call of another kind than malloc. Returns what allocate does.
[[gnu::noinline, gnu::no_caller_saved_registers]] bool end_call(ThreadState& state, const Call& call) {
  auto& control = call.control();
  const auto& site = *call.site;
  const auto result = call.rax;
  if (site.kind == SiteKind::allocate_out) {
    // An int: the upper half of rax means nothing.
    if (static_cast<std::uint32_t>(result) == 0) {
      if (const auto block = *at<const std::uint64_t>(call.argument(site.pointer)); block != 0) {
        return allocate<false>(control, state, call, block, size_of(call).bytes);
      }
    }
  } else if (site.kind == SiteKind::reallocate) {
    const auto size = size_of(call);
    const bool had_block = call.argument(site.pointer) != 0;
    const bool was_freed = result != 0 || (size.bytes == 0 && !size.overflows);
    // See take_inside.
    const bool is_inside = call.outer_stack != 0 && at<const Site>(call.outer_site)->space != 0;
    if (had_block && was_freed && state.detached.low == 0 && !is_inside) {
      ++state.unknown_frees;
    }
    if (result != 0 && !is_inside) {
      return allocate<true>(control, state, call, result, size.bytes);
    }
    if (state.detached.low != 0) {
      if (was_freed) {
        free_detached(control, state);
      } else {
        attach_again(control, state);
      }
    }
  }
  return false;
}

}  // namespace
}  // namespace memsnap::recorder

using namespace memsnap::recorder;

extern "C" {

// Before the entry point's own code. False: this call is none of ours.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] bool memsnap_before(Call* call) {
  auto* state = enter(*call);
  if (state == nullptr) {
    return false;
  }
  call->state = state;
  if (call->site->kind != SiteKind::allocate || state->outer_stack != 0 || state->detached.low != 0) [[unlikely]] {
    return begin_call(*state, *call);
  }
  call->outer_stack = 0;
  call->outer_site = state->outer_site;
  begin_outer(*state, *call);
  return true;
}

// After it; call->rax is its result. True: the user wants the program stopped here.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] bool memsnap_after(Call* call) {
  auto& state = *call->state;
  const Busy busy(state);
  bool has_passed = false;
  if (call->site->kind != SiteKind::allocate) {
    has_passed = end_call(state, *call);
  } else if (call->rax != 0) [[likely]] {
    has_passed = allocate<false>(call->control(), state, *call, call->rax, size_of(*call).bytes);
  }
  state.outer_stack = 0;
  in_order();
  state.outer_site = call->outer_site;
  in_order();
  state.outer_stack = call->outer_stack;
  return has_passed && is_traced(call->control());
}

// A free, of an entry point that calls no other.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] void memsnap_free(Call* call) {
  auto& control = call->control();
  const auto address = call->arguments[0];
  expect_block(shard_of(control, address), address);
  if (auto* state = enter(*call); state != nullptr) [[likely]] {
    const Busy busy(*state);
    free_block(control, *state, *call, address);
  }
}

// Before the process ends. True: there is a debugger, which wants to read the books.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] bool memsnap_exit(Call* call) {
  return is_traced(call->control());
}

// Before a filter of system calls is in force: the last moment for what it denies. Should the process not get its
// filter, this does no harm.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] void memsnap_filter(Call* call) {
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
    WalkedFrame innermost;
    set_frame(innermost, *call);
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
