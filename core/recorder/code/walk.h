#pragma once

#include "core/recorder/code/rows.h"

/// Walks the stack of the thread that runs this, as core/unwind/walk.h does from outside and with the same outcome, and
/// remembers it: of two allocations in a row most of the stack is the same, and to see that costs a load for each
/// frame.
///
/// Never a fault: only what was found readable is read.
namespace memsnap::recorder {

// As in core/unwind/walk.cpp, with the reasons.
inline constexpr unsigned kMostStackSwitches = 8;
inline constexpr std::uint64_t kRedZone = 128;
inline constexpr std::uint64_t kLargestGuessedFrame = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kLowestCode = 4096;
inline constexpr std::uint64_t kSavedRbp = 120;
inline constexpr std::uint64_t kSavedRsp = 160;
inline constexpr std::uint64_t kSavedRip = 168;

/// Frames walked beyond those asked for: a call from a little less deep in the stack then finds what it needs.
inline constexpr std::size_t kAhead = 32;
static_assert(kWalked >= 2 * (kMostFrames + kAhead));

/// A walk goes on upwards a page or so at a time; what lies further off is another stack.
inline constexpr std::uint64_t kNear = 64 * kPage;

/// Whether a page lies between `here`, on the stack in use, and what is known of it: that needs no asking.
inline bool is_between(ThreadState& state, std::uint64_t here, std::uint64_t page) {
  for (auto& range : state.stack_ranges) {
    if (range.end != 0 && page >= here && page < range.begin && range.begin - here <= kNear) {
      range.begin = page;
      return true;
    }
  }
  return page == here;
}

[[gnu::noinline]] inline bool find_range(const Control& control, ThreadState& state, std::uint64_t address) {
  const auto page = address & ~(kPage - 1);
  if (is_denied(control, Denied::futex)) [[unlikely]] {
    return is_between(state, address_of(__builtin_frame_address(0)) & ~(kPage - 1), page);
  }
  for (auto& range : state.stack_ranges) {
    if (range.end != 0 && page >= range.end && page - range.end < kNear) {
      while (range.end <= page && is_readable(control, range.end)) {
        range.end += kPage;
      }
      if (page < range.end) {
        return true;
      }
    }
    if (range.end != 0 && page < range.begin && range.begin - page <= kNear) {
      while (range.begin > page && is_readable(control, range.begin - kPage)) {
        range.begin -= kPage;
      }
      if (page >= range.begin) {
        return true;
      }
    }
  }
  if (!is_readable(control, page)) {
    return false;
  }
  state.stack_ranges[state.stack_range_next++ % kStackRanges] = {page, page + kPage};
  return true;
}

/// Whether the aligned word at `address` can be read.
inline bool readable(const Control& control, ThreadState& state, std::uint64_t address) {
  for (const auto& range : state.stack_ranges) {
    if (address - range.begin < range.end - range.begin && range.end - address >= sizeof(std::uint64_t)) {
      return true;
    }
  }
  constexpr auto kLast = sizeof(std::uint64_t) - 1;
  return find_range(control, state, address) &&
         ((address & (kPage - 1)) <= kPage - sizeof(std::uint64_t) || find_range(control, state, address + kLast));
}

inline bool word(const Control& control, ThreadState& state, std::uint64_t address, std::uint64_t& value) {
  if (!readable(control, state, address)) {
    return false;
  }
  __builtin_memcpy(&value, at<const void>(address), sizeof value);
  return true;
}

class Walker {
 public:
  Walker(const Control& control, ThreadState& state) : control_(control), state_(state) {}

  /// From `frame` to its caller. False at the end of the walk, which `frame` then says in its flags.
  bool step(WalkedFrame& frame, WalkedFrame& caller) {
    std::uint32_t row = 0;
    auto how = kWalkedStuck;
    if (!find_row(control_, state_, frame.pc - 1, row)) {
      how = is_sigreturn_code(frame.pc) ? signal_frame(frame, caller) : frame_pointer(frame, caller);
    } else {
      switch (row_rule(row)) {
        case RowRule::rsp_offset:
          how = enter(frame, frame.sp + std::uint64_t{row_cfa(row)} * 8, row, caller);
          break;
        case RowRule::rbp_offset:
          frame.flags |= kWalkedUsesRbp;
          how = frame.flags & kWalkedNoRbp ? kWalkedStuck
                                           : enter(frame, frame.rbp + std::uint64_t{row_cfa(row)} * 8, row, caller);
          break;
        case RowRule::plt:
          how = enter(frame, frame.sp + 8 + (((frame.pc - 1) & 15) >= row_cfa(row) ? 8 : 0), row, caller);
          break;
        case RowRule::signal_frame:
          how = signal_frame(frame, caller);
          break;
        case RowRule::outermost:
          how = kWalkedEnd;
          break;
        case RowRule::uncovered:
        case RowRule::unsupported:
          break;
      }
    }
    frame.flags |= how;
    return how == 0;
  }

 private:
  // After a guess nothing says that this is a stack that is in use: what was readable once may be unmapped.
  bool is_there(std::uint64_t address) {
    const auto page = address & ~(kPage - 1);
    if (page != there_ && is_readable(control_, page)) {
      there_ = page;
    }
    return page == there_;
  }

  bool word(std::uint64_t address, std::uint64_t& value) {
    if (guesses_ && !(is_there(address) && is_there(address + sizeof value - 1))) {
      return false;
    }
    return recorder::word(control_, state_, address, value);
  }

  std::uint32_t enter(const WalkedFrame& frame, std::uint64_t cfa, std::uint32_t row, WalkedFrame& caller) {
    if (cfa <= frame.sp || cfa - frame.sp < 8 || !word(cfa - 8, caller.pc)) {
      return kWalkedStuck;
    }
    caller.sp = cfa;
    caller.rbp = frame.rbp;
    caller.rbp_slot = 0;
    caller.flags = frame.flags & (kWalkedNoRbp | kWalkedGuessed);
    if (const auto saved = row_rbp(row); saved != kRbpUnchanged) {
      const auto slot = cfa - 8 * std::uint64_t{saved};
      const bool in_red_zone = (frame.flags & kWalkedInterrupted) != 0 && frame.sp >= kRedZone;
      const bool known = slot >= (in_red_zone ? frame.sp - kRedZone : frame.sp) && word(slot, caller.rbp);
      caller.rbp_slot = known ? slot : 0;
      caller.rbp = known ? caller.rbp : 0;
      caller.flags = (frame.flags & kWalkedGuessed) | (known ? 0 : kWalkedNoRbp);
    }
    return caller.pc < kLowestCode ? kWalkedEnd : 0;
  }

  std::uint32_t signal_frame(const WalkedFrame& frame, WalkedFrame& caller) {
    std::uint64_t rip = 0;
    if (!word(frame.sp + kSavedRip, rip) || !word(frame.sp + kSavedRsp, caller.sp) ||
        !word(frame.sp + kSavedRbp, caller.rbp) || (caller.sp <= frame.sp && ++stack_switches_ > kMostStackSwitches)) {
      return kWalkedStuck;
    }
    caller.pc = rip + 1;
    caller.rbp_slot = 0;
    caller.flags = kWalkedInterrupted;
    return 0;
  }

  std::uint32_t frame_pointer(WalkedFrame& frame, WalkedFrame& caller) {
    const auto rbp = frame.rbp;
    frame.flags |= kWalkedUsesRbp;
    guesses_ = true;
    if ((frame.flags & kWalkedNoRbp) != 0 || rbp < frame.sp || rbp % 8 != 0 || rbp - frame.sp > kLargestGuessedFrame ||
        !word(rbp, caller.rbp) || !word(rbp + 8, caller.pc) || caller.pc == 0 ||
        find_module(control_, caller.pc - 1) == nullptr) {
      return kWalkedStuck;
    }
    caller.sp = rbp + 16;
    caller.rbp_slot = rbp;
    caller.flags = kWalkedGuessed;
    return 0;
  }

  // musl's trampoline, which has no rows: mov $15, %rax; syscall.
  bool is_sigreturn_code(std::uint64_t pc) {
    const auto* module = find_module(control_, pc);
    if (module == nullptr || module->end - pc < 9) {
      return false;
    }
    std::uint64_t code = 0;
    __builtin_memcpy(&code, at<const void>(pc), sizeof code);
    return code == 0x0f0000000fc0c748ULL && *at<const std::uint8_t>(pc + 8) == 0x05;
  }

  const Control& control_;
  ThreadState& state_;
  unsigned stack_switches_ = 0;
  bool guesses_ = false;
  std::uint64_t there_ = 0;  // the page that was last found readable
};

/// Whether a remembered frame is one that was walked to.
inline bool same_frame(const WalkedFrame& known, const WalkedFrame& frame) {
  return known.sp == frame.sp && known.pc == frame.pc &&
         (known.rbp == frame.rbp || (known.flags & kWalkedNeedsRbp) == 0) &&
         ((known.flags ^ frame.flags) & kWalkedNoRbp) == 0;
}

/// Whether the way further out than walked[i] depends on its rbp. Most functions keep something else in there.
inline bool needs_rbp(const ThreadState& state, std::uint64_t i) {
  const bool uses = (state.walked[i].flags & kWalkedUsesRbp) != 0;
  return uses || (i > 0 && state.walked[i - 1].rbp_slot == 0 && (state.walked[i - 1].flags & kWalkedNeedsRbp) != 0);
}

/// Notes what walked[i] was loaded from, as far as the walk depends on it. What lies further out has been noted.
inline void note_checks(ThreadState& state, std::uint64_t i) {
  auto& frame = state.walked[i];
  auto next = i == 0 ? 0 : state.walked[i - 1].checks;
  frame.flags = (frame.flags & ~kWalkedNeedsRbp) | (needs_rbp(state, i) ? kWalkedNeedsRbp : 0);
  if ((frame.flags & kWalkedAnew) != 0) {
    // What a signal or a guess led to is walked to anew each time: a check that never holds.
    state.checks[next++] = {address_of(&state.thread_pointer), ~state.thread_pointer};
  } else {
    state.checks[next++] = {frame.sp - 8, frame.pc};
    if (frame.rbp_slot != 0 && (frame.flags & kWalkedNeedsRbp) != 0) {
      state.checks[next++] = {frame.rbp_slot, frame.rbp};
    }
  }
  frame.checks = next;
}

/// Whether the last walk had all frames that are asked for: `first` is the outermost of them.
inline bool is_enough(const ThreadState& state, std::uint64_t first) {
  return first > 0 || (state.walked[0].flags & (kWalkedEnd | kWalkedStuck)) != 0;
}

inline bool is_unchanged(const WalkCheck& check) {
  return *at<const volatile std::uint64_t>(check.slot) == check.value;
}

/// Whether the stack still holds what was found at these checks. Looks from the last one, the innermost, outwards, and
/// no further than the first difference: behind that the stack may be another one, and the old one gone.
[[gnu::always_inline]] inline bool are_unchanged(const WalkCheck* first, const WalkCheck* last) {
  for (const auto* few = first + 3; last > few; last -= 4) {
    if (!is_unchanged(last[-1]) || !is_unchanged(last[-2]) || !is_unchanged(last[-3]) || !is_unchanged(last[-4])) {
      return false;
    }
  }
  for (; last != first; --last) {
    if (!is_unchanged(last[-1])) {
      return false;
    }
  }
  return true;
}

/// The end of the checks of walked[count - 1] and those further out.
inline const WalkCheck* checks_end(const ThreadState& state, std::uint64_t count) {
  return state.checks + (count == 0 ? 0 : state.walked[count - 1].checks);
}

/// The same for what the frames from `first` to `last` - 1 were loaded from.
inline bool are_unchanged(const ThreadState& state, std::uint64_t first, std::uint64_t last) {
  return are_unchanged(checks_end(state, first), checks_end(state, last));
}

/// The rbp of a remembered frame, of which only what the walk depended on was checked, from that of the frame inside.
inline void load_rbp(const Control& control, ThreadState& state, WalkedFrame& frame, const WalkedFrame& inside) {
  if ((frame.flags & kWalkedNoRbp) != 0) {
    return;
  }
  if (frame.rbp_slot == 0) {
    frame.rbp = inside.rbp;
  } else if (!word(control, state, frame.rbp_slot, frame.rbp)) {
    frame.flags |= kWalkedNoRbp;
  }
}

inline constexpr std::uint64_t kHashBase = 0xd6e8feb86659fd93ULL;

/// After a change of the modules nothing of the rows that were looked up holds.
inline void follow_modules(const Control& control, ThreadState& state) {
  if (state.modules_generation != control.modules_generation) [[unlikely]] {
    state.walked_count = 0;
    zero(address_of(state.row_cache), kRowCache * (sizeof(RowCacheEntry) / sizeof(std::uint64_t)));
    state.modules_generation = control.modules_generation;
  }
}

/// Walks from `innermost` on, so that state.walked ends in it and has `limit` frames or all, and one step is known of
/// the last of them.
[[gnu::noinline]] inline void walk(const Control& control, ThreadState& state, const WalkedFrame& innermost,
                                   std::uint64_t limit) {
  constexpr auto kCapacity = std::uint64_t{kWalked};
  state.last.pc = 0;
  follow_modules(control, state);
  auto* walked = state.walked;
  // New frames are put at the far end first, outermost first as well, and moved down behind those that stay.
  auto keep = state.walked_count;  // remembered frames that are still thought to be on the stack
  auto top = kCapacity;
  if (keep > kCapacity - kMostFrames - kAhead) {
    keep = 0;
  }
  Walker walker(control, state);
  auto frame = innermost;
  for (;;) {
    while (keep > 0 && walked[keep - 1].sp < frame.sp) {
      --keep;
    }
    if (keep > 0 && same_frame(walked[keep - 1], frame) && (walked[keep - 1].flags & kWalkedAnew) == 0 &&
        (frame.flags & kWalkedAnew) == 0) {
      walked[keep - 1].rbp = frame.rbp;
      walked[keep - 1].rbp_slot = frame.rbp_slot;
      note_checks(state, keep - 1);
      const auto fresh = kCapacity - top;
      const auto wanted = fresh >= limit ? 1 : limit - fresh;
      // The frames from keep - 1 outwards, as many as are wanted, or all.
      const auto stop = keep > wanted ? keep - wanted : 0;
      const bool is_same_stack = are_unchanged(state, stop, keep - 1);
      if (is_enough(state, stop) && is_same_stack) [[likely]] {
        break;
      }
      auto last = is_same_stack ? stop : keep - 1;
      while (last > stop && are_unchanged(state, last - 1, last)) {
        --last;
      }
      // Not the same stack beyond `last`, or not enough of it is known: on from there.
      for (auto i = keep; i-- > last && kCapacity - top < limit + kAhead;) {
        auto& moved = walked[--top];
        moved = walked[i];
        moved.origin = 0;
        moved.flags &= ~(kWalkedEnd | kWalkedStuck);
        if (i != keep - 1) {
          load_rbp(control, state, moved, walked[top + 1]);
        }
      }
      keep = last;
    } else {
      walked[--top] = frame;
      walked[top].origin = 0;
    }
    WalkedFrame caller;
    if (kCapacity - top >= limit + kAhead || !walker.step(walked[top], caller)) {
      keep = 0;
      break;
    }
    frame = caller;
  }
  const auto fresh = kCapacity - top;
  auto hash = keep == 0 ? 0 : walked[keep - 1].hash;
  for (std::uint64_t i = 0; i < fresh; ++i) {
    auto& to = walked[keep + i];
    to = walked[top + i];
    state.walked_pcs[keep + i] = to.pc;
    hash = hash * kHashBase + mix(to.pc);
    to.hash = hash;
    note_checks(state, keep + i);
  }
  state.walked_count = keep + fresh;
}

}  // namespace memsnap::recorder
