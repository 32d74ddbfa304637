#pragma once

#include "core/recorder/code/entry.h"
#include "core/recorder/code/history.h"
#include "core/recorder/code/tracer.h"

// In hooks.S.
extern "C" [[gnu::visibility("hidden"), gnu::no_caller_saved_registers]] void memsnap_faulted();

/// Calls that make no sense: noted before the allocator itself comes to see them, which may be the end.
namespace memsnap::recorder {

// Whether every call was recorded: else a block may be one that nobody knows.
inline bool is_whole(const Control& control) {
  for (const auto lost : control.not_recorded) {
    if (__atomic_load_n(&lost, __ATOMIC_RELAXED) != 0) {
      return false;
    }
  }
  for (auto next = __atomic_load_n(&control.threads, __ATOMIC_ACQUIRE); next != 0;) {
    const auto& state = *at<const ThreadState>(next);
    next = state.next;
    for (const auto& lost : state.not_recorded) {
      if (__atomic_load_n(&lost, __ATOMIC_RELAXED) != 0) {
        return false;
      }
    }
  }
  return true;
}

inline void lose_fault(Control& control) { __atomic_fetch_add(&control.faults_lost, 1, __ATOMIC_RELAXED); }

// Enters a fault; what is there already is counted.
inline void enter_fault(Control& control, const FaultRecord& fault) {
  auto taken = __atomic_load_n(&control.fault_count, __ATOMIC_RELAXED);
  for (std::uint32_t i = 0; i < (taken < kFaults ? taken : kFaults); ++i) {
    auto& known = control.faults[i];
    if (__atomic_load_n(&known.is_filled, __ATOMIC_ACQUIRE) != 0 && known.kind == fault.kind &&
        known.origin == fault.origin && known.first_freed == fault.first_freed &&
        (known.block.low == 0) == (fault.block.low == 0) &&
        (fault.block.low == 0 || block_origin(known.block) == block_origin(fault.block))) {
      __atomic_fetch_add(&known.times, 1, __ATOMIC_RELAXED);
      return;
    }
  }
  do {
    if (taken >= kFaults) {
      lose_fault(control);
      return;
    }
  } while (
      !__atomic_compare_exchange_n(&control.fault_count, &taken, taken + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  auto& mine = control.faults[taken];
  mine = fault;
  __atomic_store_n(&mine.is_filled, 1, __ATOMIC_RELEASE);
  if (is_traced(control)) {
    memsnap_faulted();
  }
}

// Enters a fault of this call.
inline void note_fault(Control& control, ThreadState& state, const Call& call, FaultRecord& fault) {
  if (fault.origin == 0) {
    fault.origin = walk_to_origin(control, state, call);
  }
  if (fault.origin == 0) {
    lose_fault(control);
    return;
  }
  fault.times = 1;
  fault.thread = state.index;
  fault.is_reallocated = call.site->kind == SiteKind::reallocate ? 1 : 0;
  enter_fault(control, fault);
}

// The live block of a space that an address lies in, not at its start. False where there is none.
inline bool find_around(Control& control, const ThreadState& state, std::uint64_t address, std::uint8_t space,
                        BlockEntry& found) {
  bool is_found = false;
  for (std::uint32_t i = 0; i < kShards && !is_found; ++i) {
    auto& shard = control.shards[std::uint32_t{space} << kShardBits | i];
    if (shard.table == 0 || !lock(control, shard, state.number)) {
      continue;
    }
    const auto slots = capacity(shard);
    for (std::uint64_t slot = 0; slot < slots && !is_found; ++slot) {
      const auto& block = entries(shard)[slot];
      const auto offset = address - block_address(block);
      is_found = block.low != 0 && offset != 0 && offset < block_size(block);
      if (is_found) {
        found = block;
      }
    }
    __atomic_fetch_sub(&control.looks_left, static_cast<std::int64_t>(slots), __ATOMIC_RELAXED);
    unlock(shard);
  }
  return is_found;
}

// The block of some pool at an address.
inline bool find_in_pools(Control& control, const ThreadState& state, std::uint64_t address, BlockEntry& found) {
  bool is_found = false;
  for (std::uint8_t space = 1; space < kSpaces && !is_found && key_space(address) == 0; ++space) {
    const auto key = make_key(address, space);
    auto& shard = shard_of(control, key);
    if (shard.table == 0 || !lock(control, shard, state.number)) {
      continue;
    }
    if (const auto* slot = find(shard, key); slot != nullptr) {
      found = *slot;
      is_found = true;
    }
    unlock(shard);
  }
  return is_found;
}

// Whether an address lies in what the frames take that lead to this call, which state.walked ends in.
inline bool is_on_stack_of(const ThreadState& state, const Call& call, std::uint64_t address) {
  return state.walked_count != 0 && address >= call.stack() && address < state.walked[0].sp;
}

// A call that takes a block has been given an address where none begins. Nothing is said but what is certain.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void judge_unknown(Control& control, ThreadState& state,
                                                                            const Call& call, std::uint64_t address,
                                                                            std::uint8_t families) {
  constexpr std::uint64_t kMostStack = std::uint64_t{64} << 20;
  const auto& site = *call.site;
  FaultRecord fault{};
  fault.address = address;
  fault.families = families;
  if (is_whole(control)) {
    if (__atomic_load_n(&control.looks_left, __ATOMIC_RELAXED) <= 0) {
      if (control.knows_all != 0) {
        lose_fault(control);
      }
      return;
    }
    FreedEntry freed{};
    // What a pool does inside is not recorded, so that one of its blocks may be given and taken unseen.
    const bool is_plain = site.space != 0 || control.has_pools == 0;
    if (is_plain && find_freed(control, address, site.space, freed)) {
      fault.kind = FaultKind::freed_again;
      fault.block = freed.block;
      fault.first_freed = freed.origin;
      fault.first_thread = freed.thread;
      note_fault(control, state, call, fault);
      return;
    }
    if (find_around(control, state, address, site.space, fault.block)) {
      fault.kind = FaultKind::inner;
      note_fault(control, state, call, fault);
      return;
    }
    if (site.space == 0 && find_in_pools(control, state, address, fault.block)) {
      fault.kind = FaultKind::mismatch;
      note_fault(control, state, call, fault);
      return;
    }
  }
  fault.kind = FaultKind::foreign;
  const bool is_certain = control.knows_all != 0 && control.has_pools == 0 && site.is_whole != 0 && is_whole(control);
  if (!is_certain && address - call.stack() > kMostStack) {
    return;
  }
  fault.origin = walk_to_origin(control, state, call);
  fault.is_on_stack = is_on_stack_of(state, call, address) ? 1 : 0;
  if (is_certain || fault.is_on_stack != 0) {
    note_fault(control, state, call, fault);
  }
}

// A live block is taken by another family than it came from; `reads_mark`: the call would show that it comes from the
// C++ library's `operator delete`.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline void judge_mismatch(Control& control, ThreadState& state,
                                                                             const Call& call, BlockEntry block,
                                                                             std::uint8_t families, bool reads_mark) {
  const auto& site = *call.site;
  const auto given = origin_record(control, block_origin(block))->families;
  const bool is_of_operator = given >> kFamilyBits == kMallocFamily && (given & kMallocFamily) == 0;
  // The linker's own code, which finds free for the operator when it is first called, loses the mark.
  const bool tells_operator = reads_mark && control.has_seen_delete != 0;
  if (is_of_operator && site.kind == SiteKind::free && families == site.families && !tells_operator) {
    return;
  }
  FaultRecord fault{};
  fault.kind = FaultKind::mismatch;
  fault.address = block_address(block);
  fault.block = block;
  fault.families = families;
  note_fault(control, state, call, fault);
}

}  // namespace memsnap::recorder
