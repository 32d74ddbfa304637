#pragma once

#include "core/recorder/code/allocations.h"

/// Calls of entry points: which of them count, as calls are made inside others, and what their ends mean.
namespace memsnap::recorder {

// Whether a call is part of the one that is under way on its thread: it comes from the allocator's own module, or was
// jumped to by the entry point that the hook called. Else the allocator called the program back (a new handler, the
// memory of an exception), or a signal handler makes it: then it is one of its own.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool is_part_of_outer(const ThreadState& state,
                                                                               const Call& call) {
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
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool is_on_stack(ThreadState& state, const Call& call) {
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
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool is_part_of_pool(ThreadState& state, const Call& call) {
  if (is_on_stack(state, call)) {
    return true;
  }
  state.outer_stack = 0;
  return false;
}

// A call inside one of a pool of the user's own: the memory is the pool's own business. Nothing is added, and what is
// in the books already comes off. True where its end is waited for.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool take_inside(ThreadState& state, const Call& call) {
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
  free_slowly(control, state, call, pointer, {.families = kAnyFamily, .is_inside = true});
  return false;
}

inline bool is_in_pool(const ThreadState& state) { return at<const Site>(state.outer_site)->space != 0; }

// The state of the thread that makes a call, which counts; nullptr where it is none of ours. kGlibc: of an entry point
// of glibc's.
template <bool kGlibc>
[[gnu::always_inline]] inline ThreadState* enter(const Call& call) {
  auto& control = call.control();
  auto* state = thread_state(control, kGlibc ? own_thread_pointer() : thread_pointer(control));
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

// That of a plain call; see is_plain_site.
inline std::uint64_t plain_size_of(const Call& call) {
  const auto size = call.arguments[call.site->size];
  return call.site->count < 0 ? size : size * call.argument(call.site->count);
}

struct Size {
  std::uint64_t bytes;
  bool overflows;
};

inline Size size_of(const Call& call) {
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

// Takes the block that a realloc was given.
inline void begin_reallocation(Control& control, ThreadState& state, const Call& call, std::uint64_t pointer) {
  const auto& site = *call.site;
  const auto taken = detach(control, state, key_at(site, pointer));
  const bool is_inside = call.outer_stack != 0 && at<const Site>(call.outer_site)->space != 0;
  if (is_inside) {
    return;
  }
  if (taken == Detached::unknown && !is_in_module_of(site, call.return_address)) [[unlikely]] {
    judge_unknown(control, state, call, pointer, site.families);
  } else if (taken == Detached::yes) {
    const auto block = state.detached;
    if ((origin_record(control, block_origin(block))->families & site.families) == 0) [[unlikely]] {
      judge_mismatch(control, state, call, block, site.families, false);
    }
  }
}

// Forgets what was under way on the thread, and left without a return, when this call was made.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void forget_left_calls(ThreadState& state, const Call& call) {
  if (state.outer_stack > call.stack()) {
    return;  // it interrupts that one
  }
  const Busy busy(state);
  state.outer_stack = 0;
  if (state.detached.low != 0) {
    attach_again(call.control(), state);  // a realloc
  }
}

// A call that interrupts another, or takes a block. False: it is not recorded.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool begin_call(ThreadState& state, Call& call) {
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
      free_slowly(control, state, call, pointer, {.families = site.families});
    } else if (site.kind == SiteKind::reallocate) {
      begin_reallocation(control, state, call, pointer);
    }
  }
  return true;
}

// The end of a call that is not plain. Returns what allocate does.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool end_call(ThreadState& state, const Call& call) {
  auto& control = call.control();
  const auto& site = *call.site;
  const auto result = call.rax;
  if (site.kind == SiteKind::allocate) {
    return result != 0 && allocate<false>(control, state, call, result, size_of(call).bytes);
  }
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
        free_detached(control, state, origin_of_free(control, state, call));
      } else {
        attach_again(control, state);
      }
    }
  }
  return false;
}

inline constexpr std::uint8_t kDeleteFamilies = kNewFamily | kNewArrayFamily;

inline void see_delete(Control& control) {
  if (control.has_seen_delete == 0) [[unlikely]] {
    control.has_seen_delete = 1;
  }
}

// A call that takes its first argument back, and calls no other entry point.
template <bool kGlibc>
[[gnu::always_inline]] inline void take_block(Call& call, std::uint8_t families) {
  auto& control = call.control();
  const auto address = call.arguments[0];
  expect_block(shard_of(control, address, 0), address);
  if (auto* state = enter<kGlibc>(call); state != nullptr) [[likely]] {
    const Busy busy(*state);
    const FreeCall how{.families = families, .reads_mark = true};
    if ((key_space(address) | call.site->space | control.history) != 0) [[unlikely]] {
      free_slowly(control, *state, call, address, how);
    } else {
      free_block<true>(control, *state, call, address, how);
    }
  }
}

}  // namespace memsnap::recorder
