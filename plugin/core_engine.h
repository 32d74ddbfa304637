#pragma once

#include <string_view>

#include "plugin/recorder_engine.h"

namespace memsnap {

/// What a command is told that would have to change a process, where there is only its core file.
std::unexpected<Error> cannot_be_traced();

/// What the recorder left behind in a core file. Reads, and can do nothing else.
///
/// Errors of what reads: Code::not_found where the process was not being recorded, Code::interrupted at Ctrl-C, others
/// where the core file does not hold what was.
class CoreEngine final : public Engine {
 public:
  /// Borrows everything for its life.
  CoreEngine(Debugger& debugger, Recording& recording, EntryPoints& entry_points, UnwindTables& tables);

  std::string_view name() const override { return recorder_.name(); }
  bool has_entry_points() const override { return recorder_.has_entry_points(); }
  /// Once, with the modules that the process had.
  Result<void> modules_changed(const ModuleMap& modules) override;
  PassedLimits breakpoint_hit(Address, StoppedThread&) override { return {}; }
  void stop(bool) override {}
  Result<Snapshot> now() override;
  Result<Totals> totals() override;
  Result<std::optional<LiveBlock>> find_block(Address address, std::uint64_t slack) override;
  Result<std::vector<LiveBlock>> live_blocks() override;
  Result<std::vector<AddressRange>> own_memory() override;
  bool has_forgotten_blocks() override { return recorder_.has_forgotten_blocks(); }
  Result<std::optional<FreedBlock>> find_freed(Address address) override;
  Result<std::vector<Fault>> faults() override;
  Result<void> clear() override { return cannot_be_traced(); }
  Result<void> reset_peak() override { return cannot_be_traced(); }
  Result<void> set_limit(std::optional<std::uint64_t>) override { return cannot_be_traced(); }
  Result<void> set_site_limit(std::optional<SiteLimit>) override { return cannot_be_traced(); }
  void set_epoch(std::uint32_t) override {}
  EngineReport report() override { return recorder_.report(); }

  /// Whether the process had been recorded since it began.
  bool is_from_process_start() const { return recorder_.goes_on_from_start(); }

 private:
  bool is_whole(const ModuleMap& modules);

  Debugger& debugger_;
  RecorderEngine recorder_;
};

}  // namespace memsnap
