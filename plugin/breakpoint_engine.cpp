#include "plugin/breakpoint_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <tuple>
#include <utility>

#include "core/recorder/layout.h"
#include "core/symbols/symbolizer.h"

namespace memsnap {
namespace {

// System V AMD64 psABI: the first integer arguments.
constexpr std::array kArguments = {Register::rdi, Register::rsi, Register::rdx,
                                   Register::rcx, Register::r8,  Register::r9};

std::uint64_t argument(StoppedThread& thread, std::int8_t which) {
  if (which < 0) {
    return 0;
  }
  const bool is_int = which >= layout::kIntArgument;
  const auto value = thread.read(kArguments.at(static_cast<std::size_t>(which % layout::kIntArgument))).value_or(0);
  return is_int ? static_cast<std::uint32_t>(value) : value;
}

// How deep a nested call is looked for; allocators do not go deeper between their own entry points.
constexpr std::size_t kNestingDepth = 64;

}  // namespace

BreakpointEngine::BreakpointEngine(Debugger& debugger, Recording& recording, EntryPoints& entry_points,
                                   UnwindTables& tables, const BreakpointSettings& settings)
    : debugger_(debugger),
      recording_(recording),
      entry_points_(entry_points),
      tables_(tables),
      settings_(settings),
      stack_(debugger.memory()),
      freed_(settings.history),
      knows_all_(settings.from_process_start) {}

Result<void> BreakpointEngine::watch(const EntryPoint& entry_point, const LoadedModule& module) {
  const Address address{entry_point.offset + module.bias};
  if (sites_.contains(address)) {
    return {};
  }
  const auto breakpoint = debugger_.set_breakpoint(address);
  if (!breakpoint) {
    return std::unexpected(breakpoint.error());
  }
  sites_.emplace(address,
                 Site{&entry_point, module.id, *breakpoint, recording_.domains.intern(entry_point.spec.domain)});
  return {};
}

Result<void> BreakpointEngine::watch_modules() {
  for (const auto& module : modules_.modules()) {
    for (const auto& entry_point : entry_points_.of(module.id).entry_points) {
      if (auto watched = watch(entry_point, module); !watched) {
        return watched;
      }
    }
    for (const auto& entry_point : entry_points_.own(module.id)) {
      if (auto watched = watch(entry_point, module); !watched) {
        return watched;
      }
    }
  }
  return {};
}

Result<void> BreakpointEngine::modules_changed(const ModuleMap& modules) {
  modules_ = modules;
  taking_families_.clear();
  // What was unmapped took its breakpoints with it; another module may come to lie there.
  std::vector<BreakpointId> gone;
  const auto forget = [&](Address address, const Pc& pc, BreakpointId breakpoint) {
    const bool moved = modules_.to_pc(address) != pc;
    if (moved) {
      gone.push_back(breakpoint);
    }
    return moved;
  };
  std::erase_if(sites_, [&](const auto& entry) {
    const auto& [address, site] = entry;
    return forget(address, {site.module, site.entry_point->offset}, site.breakpoint);
  });
  std::erase_if(returns_,
                [&](const auto& entry) { return forget(entry.first, entry.second.pc, entry.second.breakpoint); });
  debugger_.remove_breakpoints(gone);
  return watch_modules();
}

PassedLimits BreakpointEngine::breakpoint_hit(Address address, StoppedThread& thread) {
  const auto size = [this] { return ledger_.totals().size; };
  const bool was_past = limit_ && size() > *limit_;
  stack_.reset();
  // An address can be both: where a call returned to, and the next entry point.
  if (returns_.contains(address)) {
    on_return(address, thread);
  }
  if (const auto site = sites_.find(address); site != sites_.end()) {
    on_entry(address, site->second, thread);
  }
  PassedLimits passed{.has_fault = std::exchange(has_new_fault_, false)};
  if (limit_ && !was_past && size() > *limit_) {
    passed.size = size();
  }
  if (site_limit_) {
    const auto at_site = size_at_site();
    const bool was_past_site_limit = std::exchange(is_past_site_limit_, at_site > site_limit_->bytes);
    if (is_past_site_limit_ && !was_past_site_limit) {
      passed.size_at_site = at_site;
    }
  }
  return passed;
}

std::uint64_t BreakpointEngine::size_at_site() {
  std::uint64_t size = 0;
  for (const auto& live : ledger_.counts()) {
    const auto [known, is_new] = at_site_.try_emplace(live.origin.traceback);
    if (is_new) {
      known->second = site_limit_->is_there(live.origin.traceback);
    }
    size += known->second ? live.size : 0;
  }
  return size;
}

void BreakpointEngine::on_entry(Address address, const Site& site, StoppedThread& thread) {
  const auto rsp = thread.read(Register::rsp);
  const auto return_address = rsp ? read_word(stack_, {*rsp}) : std::nullopt;
  if (!return_address) {
    ++not_recorded_["stack not readable"];
    return;
  }
  auto call = call_of(address, site, thread);
  call.stack = {*rsp};
  call.return_address = {*return_address};
  if (is_nested(call, thread)) {
    if (pending_.of(thread.id()).back().entry_point->spec.is_own) {
      take_inside(std::move(call), thread, *rsp);
    }
    return;
  }
  std::vector<PendingCall> abandoned;
  pending_.drop_unwound(thread.id(), call.stack, abandoned);
  give_back(abandoned);
  if (gives_block(call.entry_point->spec.kind)) {
    on_call(std::move(call), thread, *rsp);
  } else {
    on_free(std::move(call), thread);
  }
}

PendingCall BreakpointEngine::call_of(Address address, const Site& site, StoppedThread& thread) const {
  const auto& spec = site.entry_point->spec;
  PendingCall call;
  call.entry_point = site.entry_point;
  call.entry = address;
  call.domain = site.domain;
  call.space = Space(spec.is_own ? static_cast<std::uint16_t>(site.domain) + 1 : 0);
  call.is_watched = spec.kind != CallKind::free || spec.is_own;
  if (spec.kind == CallKind::allocate_out) {
    call.out = {argument(thread, spec.pointer)};
  } else {
    call.pointer = {argument(thread, spec.pointer)};
  }
  call.pool = argument(thread, spec.pool);
  call.size = spec.size < 0 ? spec.bytes : argument(thread, spec.size);
  if (spec.count >= 0) {
    call.overflows = __builtin_mul_overflow(call.size, argument(thread, spec.count), &call.size);
  }
  return call;
}

void BreakpointEngine::free_pool(const PendingCall& call, StoppedThread& thread) {
  const auto pool = call.entry_point->spec.pool >= 0 ? std::optional(call.pool) : std::nullopt;
  if (freed_.room() != 0) {
    const auto freed_by = traceback_of(call, thread);
    for (const auto& [key, block] : ledger_.blocks()) {
      if (block.space == call.space && block.pool == pool.value_or(block.pool)) {
        keep_freed(block, freed_by, thread.id());
      }
    }
  }
  ledger_.free_pool(call.space, pool);
}

// The memory is the pool's own business: nothing is added, and what is in the books already comes off.
void BreakpointEngine::take_inside(PendingCall call, StoppedThread& thread, std::uint64_t rsp) {
  const auto& spec = call.entry_point->spec;
  const auto* block = ledger_.find(call.pointer, call.space);
  if (spec.kind == CallKind::free_all) {
    free_pool(call, thread);
  } else if (block == nullptr) {
    return;
  } else if (spec.kind == CallKind::free) {
    if (freed_.room() != 0) {
      keep_freed(*block, traceback_of(call, thread), thread.id());
    }
    ledger_.free(call.pointer, call.space);
  } else if (spec.kind == CallKind::reallocate) {
    call.is_inside = true;
    on_call(std::move(call), thread, rsp);
  }
}

bool BreakpointEngine::is_nested(const PendingCall& call, StoppedThread& thread) {
  const auto& calls = pending_.of(thread.id());
  if (calls.empty()) {
    return false;
  }
  const auto& outer = calls.back();
  if (outer.stack == call.stack) {
    // A jump from one entry point to another (`operator delete` that ends in free) leaves the same return address in
    // the same slot. The same entry point again is the next round of a loop.
    if (outer.return_address != call.return_address || outer.entry == call.entry) {
      return false;
    }
    // Nobody saw a free return: what comes next from one call site for all (an interpreter's calls of C functions) is a
    // call of its own. A free that jumps on does so with nothing that is still in the books.
    return outer.is_watched ||
           (call.entry_point->spec.kind == CallKind::free && ledger_.find(call.pointer, call.space) == nullptr);
  }
  if (outer.stack < call.stack) {
    return false;
  }
  // Deeper on the stack: made by the outer call, or made after an exception or a longjmp left it, or after a free that
  // returned unseen. In the first case alone its caller is still on the stack.
  if (read_word(stack_, outer.stack) != outer.return_address.value) {
    return false;
  }
  const auto frames = traceback(thread, call.return_address, call.stack, kNestingDepth);
  const auto outer_entry = modules_.to_pc(outer.entry);
  const auto outer_return = modules_.to_pc(outer.return_address);
  for (const auto& frame : frames.frames) {
    const bool is_inside = frame.pc.module == outer_entry.module && frame.pc.offset > outer_entry.offset &&
                           frame.pc.offset <= outer_entry.offset + outer.entry_point->size;
    if (is_inside || (outer.is_watched && frame.pc == outer_return)) {
      return true;
    }
  }
  return frames.end != TracebackEnd::complete && outer.is_watched;
}

void BreakpointEngine::on_free(PendingCall call, StoppedThread& thread) {
  // Recorded before the real call: afterwards the address may belong to another thread already. What is not in the
  // books, and is freed from inside the allocator's own module, need not be the program's: glibc's per-thread cache is
  // given back so when a thread ends.
  const auto& spec = call.entry_point->spec;
  const auto* caller = modules_.find(call.return_address);
  const bool is_own_business = !spec.is_own && ledger_.find(call.pointer, call.space) == nullptr && caller != nullptr &&
                               caller == modules_.find(call.entry);
  if (spec.kind == CallKind::free_all) {
    free_pool(call, thread);
  } else if (!is_own_business) {
    judge(call, thread);
    if (const auto* block = ledger_.find(call.pointer, call.space); block != nullptr && freed_.room() != 0) {
      keep_freed(*block, traceback_of(call, thread), thread.id());
    }
    ledger_.free(call.pointer, call.space);
  }
  call.is_watched = call.is_watched && watch_return(call.return_address).empty();
  auto& calls = pending_.of(thread.id());
  if (!calls.empty() && !calls.back().is_watched) {
    calls.pop_back();  // that one returned long ago
  }
  calls.push_back(std::move(call));
}

void BreakpointEngine::on_call(PendingCall call, StoppedThread& thread, std::uint64_t rsp) {
  if (const auto why = watch_return(call.return_address); !why.empty()) {
    ++not_recorded_[std::string(why)];
    return;
  }
  auto& calls = pending_.of(thread.id());
  if (!calls.empty() && !calls.back().is_watched) {
    calls.pop_back();
  }
  call.traceback = traceback(thread, call.return_address, {rsp}, settings_.frame_limit);
  if (call.entry_point->spec.kind == CallKind::reallocate && call.pointer) {
    if (!call.is_inside) {
      judge(call, thread);
    }
    call.old = ledger_.detach(call.pointer, call.space);
  }
  calls.push_back(std::move(call));
}

std::string_view BreakpointEngine::watch_return(Address address) {
  if (returns_.contains(address)) {
    return {};
  }
  // Never a breakpoint where there is no code for sure, such as the stack that a debugger's own call returns to.
  const auto pc = modules_.to_pc(address);
  if (pc.module == ModuleId::none) {
    return "called from code outside every module";
  }
  const auto breakpoint = debugger_.set_breakpoint(address);
  if (!breakpoint) {
    return "no breakpoint could be set where the call returns to";
  }
  returns_.emplace(address, Return{pc, *breakpoint});
  return {};
}

Traceback BreakpointEngine::traceback(StoppedThread& thread, Address return_address, Address stack, std::size_t limit) {
  // The caller's registers, as the entry point's return will leave them.
  Registers caller;
  caller.set(Register::rip, return_address.value);
  caller.set(Register::rsp, (stack + 8).value);
  if (const auto rbp = thread.read(Register::rbp)) {
    caller.set(Register::rbp, *rbp);
  }
  auto walked = walk(caller, stack_, modules_, tables_, limit);
  if (walked.end != TracebackEnd::no_unwind_info || dead_ends_.contains(walked.stopped_at)) {
    return walked;
  }
  auto pcs = thread.unwind(limit + 1);
  // Where a debugger has no unwind information either it guesses on, each in its own way: what lies in no module is no
  // frame.
  const auto guessed = std::ranges::find_if(pcs, [this](Address pc) { return modules_.find(pc) == nullptr; });
  pcs.erase(guessed, pcs.end());
  if (pcs.size() <= walked.frames.size() + 1) {
    dead_ends_.insert(walked.stopped_at);
    return walked;
  }
  Traceback theirs;
  for (const auto pc : pcs | std::views::drop(1)) {
    theirs.frames.push_back({FrameKind::native, modules_.to_pc(pc)});
  }
  theirs.end = theirs.frames.size() == limit ? TracebackEnd::frame_limit : TracebackEnd::complete;
  return theirs;
}

void BreakpointEngine::on_return(Address address, StoppedThread& thread) {
  const auto rsp = thread.read(Register::rsp);
  if (!rsp) {
    return;
  }
  std::vector<PendingCall> abandoned;
  const auto call = pending_.take_returned(thread.id(), address, {*rsp}, abandoned);
  give_back(abandoned);
  if (call) {
    finish(*call, thread.read(Register::rax).value_or(0), thread.id());
  }
}

void BreakpointEngine::finish(const PendingCall& call, std::uint64_t result, OsThreadId thread) {
  const auto& spec = call.entry_point->spec;
  if (!gives_block(spec.kind)) {
    return;
  }
  if (spec.kind == CallKind::allocate_out) {
    // An int: the upper half of rax means nothing.
    const bool succeeded = static_cast<std::uint32_t>(result) == 0;
    const auto block = succeeded ? read_word(debugger_.memory(), call.out) : std::nullopt;
    if (block && *block != 0) {
      ledger_.allocate({*block}, call.size, origin(call, thread), call.space, call.pool);
    }
    return;
  }
  if (spec.kind == CallKind::reallocate && call.pointer) {
    const bool was_freed = result != 0 || (call.size == 0 && !call.overflows);
    if (!was_freed) {
      if (call.old) {
        ledger_.reattach(*call.old);
      }
      return;
    }
    if (call.old) {
      keep_freed(*call.old, recording_.tracebacks.intern(call.traceback), thread);
      ledger_.free_detached(*call.old);
    } else {
      ledger_.count_unknown_free();
    }
  }
  if (result != 0 && !call.is_inside) {
    ledger_.allocate({result}, call.size, origin(call, thread), call.space, call.pool);
  }
}

Origin BreakpointEngine::origin(const PendingCall& call, OsThreadId thread) {
  const auto& frames = call.traceback.frames;
  const bool is_new = entry_points_.is_operator_new(frames.empty() ? nullptr : &frames.front());
  const auto domain = is_new ? recording_.domains.intern("new") : call.domain;
  const auto id = recording_.tracebacks.intern(call.traceback);
  families_[id] |= call.entry_point->spec.is_own ? layout::kAnyFamily
                   : is_new                      ? layout::kNewFamily | layout::kNewArrayFamily
                                                 : call.entry_point->families;
  return {id, domain, thread_id(thread)};
}

ThreadId BreakpointEngine::thread_id(OsThreadId thread) {
  const auto [entry, is_new] = threads_.try_emplace(thread);
  if (is_new) {
    entry->second = recording_.threads.intern(to_string(debugger_.thread_label(thread)));
  }
  return entry->second;
}

void BreakpointEngine::give_back(std::vector<PendingCall>& abandoned) {
  for (const auto& call : abandoned) {
    if (call.old) {
      ledger_.reattach(*call.old);
    }
  }
  abandoned.clear();
}

void BreakpointEngine::stop(bool process_is_gone) {
  auto abandoned = pending_.clear();
  give_back(abandoned);
  std::vector<BreakpointId> all;
  for (const auto& [address, site] : sites_) {
    all.push_back(site.breakpoint);
  }
  for (const auto& [address, watched] : returns_) {
    all.push_back(watched.breakpoint);
  }
  if (!process_is_gone) {
    sites_.clear();  // a report after exit still tells what was watched
  }
  returns_.clear();
  debugger_.remove_breakpoints(all);
}

Result<void> BreakpointEngine::clear() {
  ledger_.clear();
  was_cleared_ = true;
  freed_.clear();
  knows_all_ = false;
  is_past_site_limit_ = false;
  return {};
}

Result<void> BreakpointEngine::reset_peak() {
  ledger_.reset_peak();
  return {};
}

Result<void> BreakpointEngine::set_limit(std::optional<std::uint64_t> bytes) {
  limit_ = bytes;
  return {};
}

Result<void> BreakpointEngine::set_site_limit(std::optional<SiteLimit> limit) {
  site_limit_ = std::move(limit);
  at_site_.clear();
  is_past_site_limit_ = site_limit_ && size_at_site() > site_limit_->bytes;
  return {};
}

Result<Snapshot> BreakpointEngine::now() {
  auto snapshot = take_snapshot(ledger_);
  snapshot.engine = name();
  snapshot.frames = settings_.frame_limit;
  return snapshot;
}

Result<std::optional<LiveBlock>> BreakpointEngine::find_block(Address address, std::uint64_t slack) {
  const auto* found = ledger_.find(address);
  if (found == nullptr) {
    for (const auto& [key, block] : ledger_.blocks()) {
      if (block.address <= address && address - block.address < block.size + slack &&
          (found == nullptr || found->address < block.address)) {
        found = &block;
      }
    }
  }
  return found == nullptr ? std::optional<LiveBlock>() : live_block(*found);
}

LiveBlock BreakpointEngine::live_block(const Block& block) const {
  return {block.address, block.size, ledger_.origin(block.origin), block.epoch};
}

Result<std::vector<LiveBlock>> BreakpointEngine::live_blocks() {
  std::vector<LiveBlock> blocks;
  blocks.reserve(ledger_.blocks().size());
  for (const auto& [key, block] : ledger_.blocks()) {
    blocks.push_back(live_block(block));
  }
  for (const auto& block : ledger_.detached()) {
    blocks.push_back(live_block(block));
  }
  std::ranges::sort(blocks);
  return blocks;
}

EngineReport BreakpointEngine::report() {
  EngineReport report;
  for (const auto& [address, site] : sites_) {
    const auto& spec = site.entry_point->spec;
    const auto module = base_name(recording_.modules.get(site.module).path);
    report.entry_points.push_back({std::string(spec.domain), demangle(std::string(spec.name)), std::string(module),
                                   std::string(call_word(spec.kind)), argument_words(spec), "breakpoint"});
  }
  const auto order = [](const WatchedEntryPoint& entry) { return std::tie(entry.domain, entry.module, entry.name); };
  std::ranges::sort(report.entry_points, {}, order);
  report.not_recorded = not_recorded_;
  report.faults = total_times(faults_);
  report.faults_lost = faults_lost_;
  report.history = freed_.room();
  report.overhead_debugger =
      ledger_.memory_bytes() + freed_.memory_bytes() + recording_.tracebacks.memory_bytes() + tables_.memory_bytes();
  return report;
}

}  // namespace memsnap
