#pragma once

#include "core/recorder/code/system.h"

/// The sum of what all threads have live, of which no word exists: threads would wait for each other at it. It is added
/// up only when it can be more than ever.
namespace memsnap::recorder {

// What all threads have, taken for the peak where that is more.
inline std::int64_t add_up(Control& control) {
  std::int64_t sum = 0;
  for (auto next = __atomic_load_n(&control.threads, __ATOMIC_ACQUIRE); next != 0;) {
    const auto& state = *at<const ThreadState>(next);
    sum += __atomic_load_n(&state.live, __ATOMIC_RELAXED);
    next = state.next;
  }
  auto peak = __atomic_load_n(&control.peak, __ATOMIC_RELAXED);
  while (sum > peak &&
         !__atomic_compare_exchange_n(&control.peak, &peak, sum, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return sum;
}

// The peak is what is live just before something is freed, if that is more than ever. To add up what all threads have
// takes a look at each, so that is done only where it can be more: what no thread has gained by its share of what is
// missing to the peak cannot be. Nobody takes anything off until one has looked; what others allocate meanwhile is seen
// the second time. A thread that comes later has no share, and so asks for a look (see make_state).
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void look_at_peak(Control& control) {
  add_up(control);
  __atomic_store_n(&control.grown, 0, __ATOMIC_SEQ_CST);
  // Counted before they are in the list: one of these may have nothing yet.
  const auto threads = std::int64_t{__atomic_load_n(&control.thread_count, __ATOMIC_SEQ_CST)};
  const auto missing = __atomic_load_n(&control.peak, __ATOMIC_RELAXED) - add_up(control);
  __atomic_store_n(&control.allowance, missing > 0 && threads > 0 ? missing / threads : 0, __ATOMIC_RELAXED);
  __atomic_fetch_add(&control.looks, 1, __ATOMIC_RELEASE);
}

[[gnu::always_inline]] inline void add_gain(const Control& control, ThreadState& state, std::int64_t bytes) {
  const auto looks = __atomic_load_n(&control.looks, __ATOMIC_ACQUIRE);
  state.gain = (looks == state.looks ? state.gain : 0) + bytes;
  state.looks = looks;
}

[[gnu::always_inline]] inline void grow_live(Control& control, ThreadState& state, std::uint64_t size) {
  const auto bytes = static_cast<std::int64_t>(size);
  state.live += bytes;
  add_gain(control, state, bytes);
  if (state.gain > __atomic_load_n(&control.allowance, __ATOMIC_RELAXED) &&
      __atomic_load_n(&control.grown, __ATOMIC_RELAXED) == 0) [[unlikely]] {
    __atomic_store_n(&control.grown, 1, __ATOMIC_RELAXED);
  }
}

// Before the books say that something is freed: afterwards a stop would show what is live without it, and the peak not
// yet with it.
[[gnu::always_inline]] inline void expect_shrink(Control& control) {
  if (__atomic_load_n(&control.grown, __ATOMIC_RELAXED) != 0) [[unlikely]] {
    look_at_peak(control);
  }
}

[[gnu::always_inline]] inline void shrink_live(const Control& control, ThreadState& state, std::uint64_t size) {
  const auto bytes = static_cast<std::int64_t>(size);
  state.live -= bytes;
  add_gain(control, state, -bytes);
}

}  // namespace memsnap::recorder
