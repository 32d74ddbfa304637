#pragma once

#include "core/recorder/code/call.h"
#include "core/recorder/code/origins.h"

/// Where a call comes from.
namespace memsnap::recorder {

// Remembers where the walk that has just been made led to.
inline void remember_walk(Control& control, ThreadState& state, const Call& call, std::uint64_t limit) {
  const auto count = state.walked_count;
  const auto& innermost = state.walked[count - 1];
  const auto first = count > limit ? count - limit : 0;
  if (innermost.origin == 0 || !is_enough(state, first)) {
    return;
  }
  state.last = {.pc = innermost.pc,
                .sp = call.stack(),
                .rbp = innermost.rbp,
                .rbp_mask = (innermost.flags & kWalkedNeedsRbp) != 0 ? ~std::uint64_t{0} : 0,
                .checks_begin = address_of(checks_end(state, first)),
                .checks_end = address_of(checks_end(state, count - 1)),
                .modules_generation = state.modules_generation,
                .record = address_of(origin_record(control, innermost.origin)),
                .site = address_of(call.site),
                .origin = innermost.origin,
                .frame_limit = control.frame_limit};
}

// The frame that a call returns to, as the call will leave it.
[[gnu::always_inline]] inline void set_frame(WalkedFrame& frame, const Call& call) {
  frame.pc = call.return_address;
  frame.sp = call.stack() + sizeof(std::uint64_t);
  frame.rbp = call.rbp;
  frame.rbp_slot = 0;
  frame.flags = 0;
}

// What a block belongs to that a call gives: the C++ library's operators are known by their code alone.
inline std::uint8_t families_of(const Control& control, const Site& site, std::uint64_t return_address) {
  if (site.families == kMallocFamily) {
    for (const auto& code : control.operators) {
      if (return_address - 1 - code.begin < code.end - code.begin) {
        return code.families;
      }
    }
  }
  return site.families;
}

inline void note_families(const Control& control, OriginRecord& origin, const Site& site,
                          std::uint64_t return_address) {
  const auto seen = static_cast<std::uint8_t>(site.families << kFamilyBits);
  if (site.kind != SiteKind::free && site.kind != SiteKind::free_all && (origin.families & seen) != seen) {
    origin.families = static_cast<std::uint8_t>(origin.families | seen | families_of(control, site, return_address));
  }
}

[[gnu::noinline, gnu::no_caller_saved_registers]] inline std::uint32_t walk_to_origin(Control& control,
                                                                                      ThreadState& state,
                                                                                      const Call& call) {
  const std::uint64_t wanted = control.frame_limit;
  const auto limit = wanted < 1 ? 1 : wanted > kMostFrames ? kMostFrames : wanted;
  WalkedFrame innermost;
  set_frame(innermost, call);
  walk(control, state, innermost, limit);
  const auto number = find_origin(control, state, limit, *call.site);
  if (number != 0) {
    note_families(control, *origin_record(control, number), *call.site, call.return_address);
  }
  remember_walk(control, state, call, limit);
  return number;
}

}  // namespace memsnap::recorder
