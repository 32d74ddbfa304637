#pragma once

#include "core/recorder/code/threads.h"
#include "core/recorder/code/walk.h"

/// Where blocks come from, each once for a thread, with what is counted of it.
namespace memsnap::recorder {

/// The last `count` frames that state.walked ends in.
struct Window {
  const std::uint64_t* innermost;  // its pc; those of the frames further out lie below
  std::uint64_t count;
  std::uint64_t hash;
  std::uint64_t stopped_at;
  std::uint8_t end;  // a TracebackEnd
};

inline constexpr std::uint8_t kComplete = 0;
inline constexpr std::uint8_t kFrameLimit = 1;
inline constexpr std::uint8_t kNoUnwindInfo = 2;

inline std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1, base *= base) {
    result *= (exponent & 1) != 0 ? base : 1;
  }
  return result;
}

inline Window window(const ThreadState& state, std::uint64_t limit) {
  const auto all = state.walked_count;
  const auto* innermost = state.walked + all - 1;
  Window window{state.walked_pcs + all - 1, all < limit ? all : limit, innermost->hash, 0, kFrameLimit};
  if (all > limit) {
    window.hash -= (innermost - limit)->hash * power(kHashBase, limit);
  } else {
    const auto& outermost = state.walked[0];
    if ((outermost.flags & kWalkedEnd) != 0) {
      window.end = kComplete;
    } else if (all < limit) {
      window.end = kNoUnwindInfo;
      window.stopped_at = outermost.pc - ((outermost.flags & kWalkedInterrupted) != 0 ? 1 : 0);
    }
  }
  return window;
}

inline bool is_same(const OriginRecord& origin, const Window& window, std::uint64_t hash, std::uint16_t domain) {
  if (origin.hash != hash || origin.frame_count != window.count || origin.end != window.end ||
      origin.domain != domain || origin.stopped_at != window.stopped_at) {
    return false;
  }
  const auto* frames = at<std::uint64_t>(origin.frames);
  for (std::uint64_t i = 0; i < window.count; ++i) {
    if (frames[i] != *(window.innermost - i)) {
      return false;
    }
  }
  return true;
}

inline bool grow_index(Control& control, ThreadState& state) {
  const auto capacity = state.origin_capacity == 0 ? kPage / sizeof(std::uint64_t) : state.origin_capacity * 2;
  const auto fresh = map(control, capacity * sizeof(std::uint64_t));
  if (fresh == 0) {
    return false;
  }
  auto* to = at<std::uint64_t>(fresh);
  const auto* from = at<std::uint64_t>(state.origin_index);
  for (std::uint64_t i = 0; i < state.origin_capacity; ++i) {
    if (from[i] == 0) {
      continue;
    }
    const auto hash = origin_record(control, static_cast<std::uint32_t>(from[i]))->hash;
    if (hash == 0) {
      continue;  // dead: the debugger found that its code is another module's now
    }
    auto slot = hash & (capacity - 1);
    while (to[slot] != 0) {
      slot = (slot + 1) & (capacity - 1);
    }
    to[slot] = from[i];
  }
  if (state.origin_index != 0) {
    unmap(control, state.origin_index, state.origin_capacity * sizeof(std::uint64_t));
  }
  state.origin_index = fresh;
  state.origin_capacity = capacity;
  return true;
}

inline std::uint64_t room_for_frames(Control& control, ThreadState& state, std::uint64_t count) {
  constexpr std::uint64_t kFirst = 4 * kPage;
  constexpr std::uint64_t kChunk = 64 * kPage;
  const auto bytes = count * sizeof(std::uint64_t);
  if (state.frames_end - state.frames_next < bytes) {
    const auto size = state.frames_end == 0 ? kFirst : kChunk;
    const auto chunk = map(control, size);
    if (chunk == 0) {
      return 0;
    }
    state.frames_next = chunk;
    state.frames_end = chunk + size;
  }
  const auto frames = state.frames_next;
  state.frames_next += bytes;
  return frames;
}

[[gnu::noinline]] inline std::uint32_t make_origin(Control& control, ThreadState& state, const Window& window,
                                                   std::uint64_t hash, const Site& site) {
  const auto frames = room_for_frames(control, state, window.count);
  if (frames == 0) {
    count_lost(control, &state, Reason::no_memory);
    return 0;
  }
  if (state.last_origin % kOriginsAtATime == 0) {
    const auto used = __atomic_fetch_add(&control.origin_count, kOriginsAtATime, __ATOMIC_RELAXED);
    if (used >= kOriginsPerChunk * kOriginChunks) {
      __atomic_fetch_sub(&control.origin_count, kOriginsAtATime, __ATOMIC_RELAXED);
      count_lost(control, &state, Reason::origins);
      return 0;
    }
    state.last_origin = used;
  }
  const auto number = static_cast<std::uint32_t>(++state.last_origin);
  auto& chunk = control.origin_chunks[(number - 1) / kOriginsPerChunk];
  if (__atomic_load_n(&chunk, __ATOMIC_ACQUIRE) == 0) {
    const auto fresh = map(control, kOriginsPerChunk * sizeof(OriginRecord));
    std::uint64_t none = 0;
    if (fresh != 0 && !__atomic_compare_exchange_n(&chunk, &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      unmap(control, fresh, kOriginsPerChunk * sizeof(OriginRecord));
    } else if (fresh == 0) {
      count_lost(control, &state, Reason::no_memory);
      return 0;
    }
  }
  for (std::uint64_t i = 0; i < window.count; ++i) {
    at<std::uint64_t>(frames)[i] = *(window.innermost - i);
  }
  auto& origin = *origin_record(control, number);
  origin.frames = frames;
  origin.frame_count = static_cast<std::uint16_t>(window.count);
  origin.end = window.end;
  origin.domain = site.domain;
  origin.space = site.space;
  origin.thread = state.index;
  origin.stopped_at = window.stopped_at;
  in_order();
  origin.hash = hash;
  return number;
}

/// The number of the origin that a call at the end of state.walked has; 0 where it cannot be entered (which is
/// counted).
inline std::uint32_t find_origin(Control& control, ThreadState& state, std::uint64_t limit, const Site& site) {
  const auto domain = site.domain;
  auto& innermost = state.walked[state.walked_count - 1];
  if (innermost.origin != 0 && innermost.domain == domain) [[likely]] {
    return innermost.origin;
  }
  const auto seen = window(state, limit);
  const auto hash = mix(seen.hash + domain + (std::uint64_t{seen.end} << 32) + seen.stopped_at) | 1;
  if ((state.origin_count + 1) * 4 > state.origin_capacity * 3 && !grow_index(control, state) &&
      state.origin_count + 2 > state.origin_capacity) {
    count_lost(control, &state, Reason::no_memory);
    return 0;
  }
  auto* index = at<std::uint64_t>(state.origin_index);
  auto slot = hash & (state.origin_capacity - 1);
  const auto is_other = [&](std::uint64_t entry) {
    const auto number = static_cast<std::uint32_t>(entry);
    return entry != index_entry(hash, number) || !is_same(*origin_record(control, number), seen, hash, domain);
  };
  while (index[slot] != 0 && is_other(index[slot])) {
    slot = (slot + 1) & (state.origin_capacity - 1);
  }
  auto number = static_cast<std::uint32_t>(index[slot]);
  if (number == 0) {
    number = make_origin(control, state, seen, hash, site);
    if (number == 0) {
      return 0;
    }
    index[slot] = index_entry(hash, number);
    ++state.origin_count;
  }
  innermost.origin = number;
  innermost.domain = domain;
  return number;
}

[[gnu::noinline]] inline bool grow_foreign(Control& control, ThreadState& state) {
  const auto old = state.foreign;
  const auto old_capacity = old == 0 ? 0 : at<ForeignTable>(old)->capacity;
  const auto capacity = old == 0 ? std::uint64_t{128} : old_capacity * 2;
  const auto fresh = map(control, sizeof(ForeignTable) + capacity * sizeof(ForeignFrees));
  if (fresh == 0) {
    return false;
  }
  at<ForeignTable>(fresh)->capacity = capacity;
  const auto* from = at<ForeignFrees>(old + sizeof(ForeignTable));
  for (std::uint64_t i = 0; i < old_capacity; ++i) {
    if (from[i].origin != 0) {
      *foreign_slot(fresh, from[i].origin) = from[i];
    }
  }
  at<ForeignTable>(fresh)->count = old == 0 ? 0 : at<ForeignTable>(old)->count;
  in_order();
  state.foreign = fresh;
  return true;
}

/// Where this thread counts what it frees of another's origin; nullptr where there is no memory.
inline ForeignFrees* foreign_frees(Control& control, ThreadState& state, std::uint64_t origin) {
  const auto* head = at<ForeignTable>(state.foreign);
  if (head == nullptr || (head->count + 1) * 4 > head->capacity * 3) [[unlikely]] {
    if (!grow_foreign(control, state) && (head == nullptr || head->count + 2 > head->capacity)) {
      return nullptr;
    }
  }
  auto* slot = foreign_slot(state.foreign, origin);
  if (slot->origin == 0) {
    slot->origin = origin;
    ++at<ForeignTable>(state.foreign)->count;
  }
  return slot;
}

}  // namespace memsnap::recorder
