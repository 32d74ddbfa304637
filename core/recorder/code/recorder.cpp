// The code that records inside the inferior. It is compiled to an image of its own, which the debugger puts into the
// process: no C library, no data of its own, no relocations. hooks.S calls what is extern "C" here.

#include "core/recorder/code/calls.h"
#include "core/recorder/code/filters.h"
#include "core/recorder/code/tracer.h"

using namespace memsnap::recorder;

extern "C" {

// Before the entry point's own code. False: this call is none of ours.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] bool memsnap_before(Call* call) {
  auto* state = enter<false>(*call);
  if (state == nullptr) {
    return false;
  }
  call->state = state;
  if (call->site->kind != SiteKind::allocate || state->outer_stack != 0 || state->detached.low != 0) [[unlikely]] {
    return begin_call(*state, *call);
  }
  call->outer_stack = 0;
  begin_outer(*state, *call);
  return true;
}

// After it; call->rax is its result. True: the user wants the program stopped here.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] bool memsnap_after(Call* call) {
  auto& state = *call->state;
  const Busy busy(state);
  bool has_passed = false;
  if (call->site->is_plain == 0) {
    has_passed = end_call(state, *call);
  } else if (call->rax != 0) [[likely]] {
    has_passed = allocate<false, true>(call->control(), state, *call, call->rax, plain_size_of(*call));
  }
  state.outer_stack = 0;
  if (call->outer_stack != 0) [[unlikely]] {
    in_order();
    state.outer_site = call->outer_site;
    in_order();
    state.outer_stack = call->outer_stack;
  }
  return has_passed && is_traced(call->control());
}

// After a plain entry point of glibc's, of whose arguments two at most say the size. It calls no other, so that nothing
// has to be known of it before. Returns what memsnap_after does.
[[gnu::visibility("hidden")]] bool memsnap_glibc_given(Call* call) {
  auto* state = enter<true>(*call);
  if (state == nullptr) {
    return false;
  }
  if ((state->outer_stack | state->detached.low) != 0) [[unlikely]] {
    forget_left_calls(*state, *call);
  }
  const Busy busy(*state);
  return call->rax != 0 && allocate<false, true>(call->control(), *state, *call, call->rax, plain_size_of(*call)) &&
         is_traced(call->control());
}

// A free, of an entry point that calls no other.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] void memsnap_free(Call* call) {
  take_block<false>(*call, call->site->families);
}

// The same by way of an `operator delete`.
[[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] void memsnap_delete(Call* call) {
  see_delete(call->control());
  take_block<false>(*call, kDeleteFamilies);
}

// The same of glibc's.
[[gnu::visibility("hidden")]] void memsnap_glibc_free(Call* call) { take_block<true>(*call, call->site->families); }

[[gnu::visibility("hidden")]] void memsnap_glibc_delete(Call* call) {
  see_delete(call->control());
  take_block<true>(*call, kDeleteFamilies);
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
  if (auto* state = thread_state(control, thread_pointer(control)); state != nullptr && state->busy == 0) {
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
    auto& control = *at<Control>(memsnap_control);
    if (auto* state = thread_state(control, thread_pointer(control)); state != nullptr) {
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
