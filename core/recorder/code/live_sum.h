#pragma once

#include "core/recorder/code/system.h"

/// The sum of what all threads have live, of which no word exists: threads would wait for each other at it. It is added
/// up only when it can be more than ever, or can pass a limit that the user has set.
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

// What threads may gain or lose before the sum has to be compared with the limit again: it is not passed, and none
// comes back within it, where each of them stays within its share. Returns whether it has just been passed. What a
// thread sees that is about to free is left to the next that allocates.
inline bool share_limit(Limit& limit, std::int64_t sum, std::int64_t threads, bool grows) {
  const auto room = limit.bytes - sum;
  const bool is_past = room < 0;
  if (is_past && !grows && __atomic_load_n(&limit.is_past, __ATOMIC_RELAXED) == 0) {
    __atomic_store_n(&limit.rise, INT64_MIN, __ATOMIC_RELAXED);
    return false;
  }
  __atomic_store_n(&limit.rise, is_past ? INT64_MAX : room / threads, __ATOMIC_RELAXED);
  __atomic_store_n(&limit.fall, room / threads, __ATOMIC_RELAXED);
  if (__atomic_exchange_n(&limit.is_past, is_past ? 1 : 0, __ATOMIC_RELAXED) != 0 || !is_past) {
    return false;
  }
  __atomic_store_n(&limit.passed, sum, __ATOMIC_RELAXED);
  __atomic_store_n(&limit.tells, 1, __ATOMIC_RELAXED);
  return true;
}

// The peak is what is live just before something is freed, if that is more than ever. To add up what all threads have
// takes a look at each, so that is done only where it can be more: what no thread has gained by its share of what is
// missing to the peak cannot be. Nobody takes anything off until one has looked; what others allocate meanwhile is seen
// the second time. A thread that comes later has no share, and so asks for a look (see make_state).
// Returns whether the limit has just been passed.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline bool look_at_sum(Control& control, bool grows) {
  add_up(control);
  __atomic_store_n(&control.grown, 0, __ATOMIC_SEQ_CST);
  // Counted before they are in the list: one of these may have nothing yet. The one that looks is among them.
  const auto threads = std::int64_t{__atomic_load_n(&control.thread_count, __ATOMIC_SEQ_CST)};
  const auto sum = add_up(control);
  const auto missing = __atomic_load_n(&control.peak, __ATOMIC_RELAXED) - sum;
  auto allowance = missing > 0 ? missing / threads : 0;
  bool has_passed = false;
  if (control.limit.bytes != 0) {
    has_passed = share_limit(control.limit, sum, threads, grows);
    allowance = control.limit.rise < allowance ? control.limit.rise : allowance;
  }
  __atomic_store_n(&control.allowance, allowance, __ATOMIC_RELAXED);
  __atomic_fetch_add(&control.looks, 1, __ATOMIC_RELEASE);
  return has_passed;
}

// Before the books say that something is freed: afterwards a stop would show what is live without it, and the peak not
// yet with it.
[[gnu::always_inline]] inline void expect_shrink(Control& control) {
  if (__atomic_load_n(&control.grown, __ATOMIC_RELAXED) != 0) [[unlikely]] {
    look_at_sum(control, false);
  }
}

/// Adds to what the thread has live. Returns whether the user's limit has just been passed.
[[gnu::always_inline]] inline bool change_live(Control& control, ThreadState& state, std::int64_t bytes) {
  const auto live = state.live;
  state.live = live + bytes;
  if (const auto looks = __atomic_load_n(&control.looks, __ATOMIC_ACQUIRE); looks != state.looks) [[unlikely]] {
    state.looks = looks;
    state.live_at = live;
  }
  if (bytes < 0) {
    if (control.limit.is_past != 0 &&
        state.live - state.live_at <= __atomic_load_n(&control.limit.fall, __ATOMIC_RELAXED)) [[unlikely]] {
      look_at_sum(control, false);
    }
    return false;
  }
  const auto gain = state.live - state.live_at;
  if (gain <= __atomic_load_n(&control.allowance, __ATOMIC_RELAXED)) [[likely]] {
    return false;
  }
  if (__atomic_load_n(&control.grown, __ATOMIC_RELAXED) == 0) {
    __atomic_store_n(&control.grown, 1, __ATOMIC_RELAXED);
  }
  return control.limit.bytes != 0 && gain > __atomic_load_n(&control.limit.rise, __ATOMIC_RELAXED) &&
         look_at_sum(control, true);
}

}  // namespace memsnap::recorder
