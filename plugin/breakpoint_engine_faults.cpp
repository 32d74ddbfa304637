#include <algorithm>
#include <ranges>
#include <utility>

#include "core/recorder/layout.h"
#include "plugin/breakpoint_engine.h"
#include "plugin/call_target.h"

// What was freed, and what was asked that makes no sense.

namespace memsnap {
namespace {

constexpr std::uint8_t kNewFamilies = layout::kNewFamily | layout::kNewArrayFamily;

}  // namespace

void BreakpointEngine::judge(const PendingCall& call, StoppedThread& thread) {
  if (!call.pointer) {
    return;
  }
  if (const auto* block = ledger_.find(call.pointer, call.space)) {
    judge_mismatch(call, thread, *block);
  } else if (modules_.find(call.return_address) == nullptr ||
             modules_.find(call.return_address) != modules_.find(call.entry)) {
    judge_unknown(call, thread);
  }
}

// Nothing is said but what is certain.
void BreakpointEngine::judge_unknown(const PendingCall& call, StoppedThread& thread) {
  const bool is_plain = call.space == Space() && entry_points_.own_allocators().functions().empty();
  Fault fault{.address = call.pointer};
  if (not_recorded_.empty()) {
    // What a pool does inside is not recorded, so that one of its blocks may be given and taken unseen.
    if (const auto* freed = freed_.find_start(call.pointer, call.space);
        freed != nullptr && (is_plain || call.space != Space())) {
      fault.kind = FaultKind::freed_again;
      fault.block = LiveBlock{freed->block.address, freed->block.size, freed->origin, freed->block.epoch};
      fault.first_freed = freed->freed_by;
      fault.first_thread = freed->freed_in;
      enter_fault(std::move(fault), call, thread);
      return;
    }
    const Block* pools = nullptr;
    for (const auto& [key, block] : ledger_.blocks()) {
      if (block.space == call.space && block.address < call.pointer && call.pointer - block.address < block.size) {
        fault.kind = FaultKind::inner;
        fault.block = live_block(block);
        enter_fault(std::move(fault), call, thread);
        return;
      }
      pools = call.space == Space() && block.space != Space() && block.address == call.pointer ? &block : pools;
    }
    if (pools != nullptr) {
      fault.kind = FaultKind::mismatch;
      fault.block = live_block(*pools);
      fault.given = recording_.domains.names().at(std::to_underlying(fault.block->origin.domain));
      fault.taken = taking_word(families_of_taking(call), call.entry_point->spec.kind == CallKind::reallocate);
      enter_fault(std::move(fault), call, thread);
      return;
    }
  }
  if (is_plain && knows_all_ && is_whole(call)) {
    fault.kind = FaultKind::foreign;
    fault.is_on_stack = is_on_stack_of(call);
    enter_fault(std::move(fault), call, thread);
  }
}

void BreakpointEngine::judge_mismatch(const PendingCall& call, StoppedThread& thread, const Block& block) {
  const bool is_reallocated = call.entry_point->spec.kind == CallKind::reallocate;
  const auto given = families_of_block(block);
  const auto taken = families_of_taking(call);
  if ((given & taken) != 0) {
    return;
  }
  // An operator of C++ that a module has without its name passes on to malloc and free as well.
  const auto giver = recording_.tracebacks.innermost_module(ledger_.origin(block.origin).traceback);
  const bool may_be_new =
      given == layout::kMallocFamily && (giver == ModuleId::none || !entry_points_.of(giver).names_operators);
  const bool may_be_delete = taken == layout::kMallocFamily && !is_reallocated && !names_operators(call.return_address);
  if (may_be_new || may_be_delete) {
    return;
  }
  Fault fault{.kind = FaultKind::mismatch, .address = block.address, .block = live_block(block)};
  fault.given = giving_word(given);
  fault.taken = taking_word(taken, is_reallocated);
  enter_fault(std::move(fault), call, thread);
}

void BreakpointEngine::enter_fault(Fault fault, const PendingCall& call, StoppedThread& thread) {
  fault.traceback = traceback_of(call, thread);
  fault.thread = thread_id(thread.id());
  fault.is_reallocated = call.entry_point->spec.kind == CallKind::reallocate;
  const auto is_same = [&fault](const Fault& known) {
    const auto from = [](const Fault& each) {
      return each.block ? std::optional(each.block->origin) : std::optional<Origin>();
    };
    return known.kind == fault.kind && known.traceback == fault.traceback && known.thread == fault.thread &&
           known.first_freed == fault.first_freed && from(known) == from(fault);
  };
  if (const auto known = std::ranges::find_if(faults_, is_same); known != faults_.end()) {
    ++known->times;
  } else if (faults_.size() < layout::kFaults) {
    faults_.push_back(std::move(fault));
    has_new_fault_ = true;
  } else {
    ++faults_lost_;
  }
}

void BreakpointEngine::keep_freed(const Block& block, TracebackId freed_by, OsThreadId thread) {
  if (freed_.room() != 0) {
    freed_.add({block, ledger_.origin(block.origin), freed_by, thread_id(thread)});
  }
}

TracebackId BreakpointEngine::traceback_of(const PendingCall& call, StoppedThread& thread) {
  return recording_.tracebacks.intern(traceback(thread, call.return_address, call.stack, settings_.frame_limit));
}

// The C++ library's `operator delete` jumps to free, so that nothing of it is on the stack: but the caller's own
// instruction says what it called.
std::uint8_t BreakpointEngine::families_of_taking(const PendingCall& call) {
  const auto& entry = *call.entry_point;
  if (entry.spec.is_own) {
    return layout::kAnyFamily;
  }
  if (entry.families != layout::kMallocFamily || entry.spec.kind != CallKind::free) {
    return entry.families;
  }
  const auto [known, is_new] = taking_families_.try_emplace(call.return_address, layout::kAnyFamily);
  if (is_new) {
    if (const auto target = call_target(debugger_.memory(), call.return_address)) {
      const auto pc = modules_.to_pc(*target);
      const auto is_it = [&](const AddressRange& code) { return code.contains({pc.offset}); };
      if (*target == call.entry) {
        known->second = layout::kMallocFamily;
      } else if (pc.module != ModuleId::none &&
                 std::ranges::any_of(entry_points_.of(pc.module).operator_delete, is_it)) {
        known->second = kNewFamilies;
      }
    }
  }
  return known->second;
}

std::uint8_t BreakpointEngine::families_of_block(const Block& block) const {
  const auto known = families_.find(ledger_.origin(block.origin).traceback);
  return known == families_.end() ? layout::kAnyFamily : known->second;
}

bool BreakpointEngine::names_operators(Address address) {
  const auto* module = modules_.find(address);
  return module != nullptr && entry_points_.of(module->id).names_operators;
}

// Whether no other function than those that are watched gives what this call takes, and its caller has no blocks from
// before there was an allocator.
bool BreakpointEngine::is_whole(const PendingCall& call) {
  const auto* module = modules_.find(call.entry);
  const auto* caller = modules_.find(call.return_address);
  return not_recorded_.empty() && module != nullptr && entry_points_.of(module->id).c_library != CLibrary::none &&
         (caller == nullptr || !entry_points_.of(caller->id).is_dynamic_loader);
}

bool BreakpointEngine::is_on_stack_of(const PendingCall& call) {
  const auto mapped = mapped_ranges(debugger_);
  return call.pointer >= call.stack && std::ranges::any_of(mapped, [&](const AddressRange& range) {
           return range.contains(call.stack) && range.contains(call.pointer);
         });
}

Result<std::optional<FreedBlock>> BreakpointEngine::find_freed(Address address) {
  const auto* found = freed_.find(address);
  if (found == nullptr) {
    return std::nullopt;
  }
  return FreedBlock{
      {found->block.address, found->block.size, found->origin, found->block.epoch}, found->freed_by, found->freed_in};
}

Result<std::vector<Fault>> BreakpointEngine::faults() { return std::vector<Fault>(faults_.rbegin(), faults_.rend()); }

}  // namespace memsnap
