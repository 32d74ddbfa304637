#pragma once

#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/trace/freed_blocks.h"
#include "core/trace/ledger.h"
#include "core/unwind/walk.h"
#include "plugin/engine.h"
#include "plugin/entry_points.h"
#include "plugin/pending_calls.h"
#include "plugin/recording.h"
#include "plugin/unwind_tables.h"

namespace memsnap {

/// What the engine is told at its start.
struct BreakpointSettings {
  std::uint32_t frame_limit = 32;   ///< physical frames
  bool from_process_start = false;  ///< no block can be older than the engine
  std::uint32_t history = 0;        ///< freed blocks to keep
};

/// Records by stopping: a breakpoint on every entry point, and one on every address that a call of one returned to.
/// Works on whatever the debugger reaches; costs a stop for each call and each return.
class BreakpointEngine final : public Engine {
 public:
  /// Borrows everything for its life.
  BreakpointEngine(Debugger& debugger, Recording& recording, EntryPoints& entry_points, UnwindTables& tables,
                   const BreakpointSettings& settings);

  std::string_view name() const override { return "breakpoint"; }
  Result<void> modules_changed(const ModuleMap& modules) override;
  Result<void> allocators_changed() override { return watch_modules(); }
  PassedLimits breakpoint_hit(Address address, StoppedThread& thread) override;
  bool has_breakpoint(Address address) const override { return sites_.contains(address); }
  void stop(bool process_is_gone) override;
  bool has_entry_points() const override { return !sites_.empty(); }
  Result<Snapshot> now() override;
  Result<Totals> totals() override { return ledger_.totals(); }
  Result<std::optional<LiveBlock>> find_block(Address address, std::uint64_t slack) override;
  Result<std::vector<LiveBlock>> live_blocks() override;
  Result<std::optional<FreedBlock>> find_freed(Address address) override;
  Result<std::vector<Fault>> faults() override;
  Result<void> clear() override;
  bool has_forgotten_blocks() override { return was_cleared_; }
  Result<void> reset_peak() override;
  Result<void> set_limit(std::optional<std::uint64_t> bytes) override;
  Result<void> set_site_limit(std::optional<SiteLimit> limit) override;
  void set_epoch(std::uint32_t snapshot) override { ledger_.set_epoch(snapshot); }
  EngineReport report() override;

 private:
  struct Site {  // an entry point as it is mapped
    const EntryPoint* entry_point;
    ModuleId module;
    BreakpointId breakpoint;
    DomainId domain;
  };

  struct Return {  // where a call returned to, as it is mapped
    Pc pc;
    BreakpointId breakpoint;
  };

  Result<void> watch_modules();
  Result<void> watch(const EntryPoint& entry_point, const LoadedModule& module);
  PendingCall call_of(Address address, const Site& site, StoppedThread& thread) const;
  void on_entry(Address address, const Site& site, StoppedThread& thread);
  void on_return(Address address, StoppedThread& thread);
  void on_free(PendingCall call, StoppedThread& thread);
  void free_pool(const PendingCall& call, StoppedThread& thread);
  void on_call(PendingCall call, StoppedThread& thread, std::uint64_t rsp);
  /// A call that one of a pool of the user's own made.
  void take_inside(PendingCall call, StoppedThread& thread, std::uint64_t rsp);
  /// Whether `call` was made by a call of an entry point that is under way on its thread.
  bool is_nested(const PendingCall& call, StoppedThread& thread);
  /// Why a return to `address` cannot be watched; empty where it is.
  std::string_view watch_return(Address address);
  std::uint64_t size_at_site();
  Traceback traceback(StoppedThread& thread, Address return_address, Address stack, std::size_t limit);
  void finish(const PendingCall& call, std::uint64_t result, OsThreadId thread);
  void give_back(std::vector<PendingCall>& abandoned);
  Origin origin(const PendingCall& call, OsThreadId thread);
  LiveBlock live_block(const Block& block) const;
  ThreadId thread_id(OsThreadId thread);

  // Calls that make no sense, and blocks that are no more: breakpoint_engine_faults.cpp.
  /// Looks at a call that is about to take a block, before anything is recorded of it.
  void judge(const PendingCall& call, StoppedThread& thread);
  void judge_unknown(const PendingCall& call, StoppedThread& thread);
  void judge_mismatch(const PendingCall& call, StoppedThread& thread, const Block& block);
  void enter_fault(Fault fault, const PendingCall& call, StoppedThread& thread);
  void keep_freed(const Block& block, TracebackId freed_by, OsThreadId thread);
  TracebackId traceback_of(const PendingCall& call, StoppedThread& thread);
  std::uint8_t families_of_taking(const PendingCall& call);
  std::uint8_t families_of_block(const Block& block) const;
  bool names_operators(Address address);
  bool is_whole(const PendingCall& call);
  bool is_on_stack_of(const PendingCall& call);

  Debugger& debugger_;
  Recording& recording_;
  EntryPoints& entry_points_;
  UnwindTables& tables_;
  BreakpointSettings settings_;

  ModuleMap modules_;
  std::unordered_map<Address, Site> sites_;
  std::unordered_map<Address, Return> returns_;
  PendingCalls pending_;
  Ledger ledger_;
  StackReader stack_;
  std::unordered_map<OsThreadId, ThreadId> threads_;
  std::unordered_set<Address> dead_ends_;  // where the debugger's own walk gave no more than ours
  std::map<std::string, std::uint64_t> not_recorded_;
  std::optional<std::uint64_t> limit_;  // bytes
  std::optional<SiteLimit> site_limit_;
  std::unordered_map<TracebackId, bool> at_site_;  // what site_limit_ said
  bool is_past_site_limit_ = false;
  bool was_cleared_ = false;

  FreedBlocks freed_;
  bool knows_all_;             // every block since the process began, none was forgotten
  std::vector<Fault> faults_;  // the oldest first
  bool has_new_fault_ = false;
  std::uint64_t faults_lost_ = 0;
  std::unordered_map<TracebackId, std::uint8_t> families_;     // of what was allocated there
  std::unordered_map<Address, std::uint8_t> taking_families_;  // of calls of free, by return address
};

}  // namespace memsnap
