#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/recorder/layout.h"
#include "core/recorder/ledger.h"
#include "core/recorder/reader.h"
#include "plugin/engine.h"
#include "plugin/entry_points.h"
#include "plugin/recorder/installation.h"
#include "plugin/recorder/stub_symbols.h"
#include "plugin/recording.h"
#include "plugin/unwind_tables.h"

namespace memsnap {

/// Records without stopping: code inside the process keeps the books, which are read from here at a stop.
class RecorderEngine final : public Engine {
 public:
  /// Borrows everything for its life. `from_process_start`: no block can be older than the engine. `control`: where
  /// this process has a recorder from before; 0 where none is known.
  RecorderEngine(Debugger& debugger, Recording& recording, EntryPoints& entry_points, UnwindTables& tables,
                 const RecorderSettings& settings, Address control);

  std::string_view name() const override { return "recorder"; }
  bool has_entry_points() const override { return is_installed_; }
  Result<void> modules_changed(const ModuleMap& modules) override;
  PassedLimits breakpoint_hit(Address address, StoppedThread& thread) override;
  void breakpoints_changed() override;
  Result<void> allocators_changed() override;
  void stop(bool process_is_gone) override;
  Result<Snapshot> now() override;
  Result<Totals> totals() override;
  Result<std::optional<LiveBlock>> find_block(Address address, std::uint64_t slack) override;
  Result<std::vector<LiveBlock>> live_blocks() override;
  Result<std::vector<AddressRange>> own_memory() override;
  Result<std::optional<FreedBlock>> find_freed(Address address) override;
  Result<std::vector<Fault>> faults() override;
  Result<void> clear() override;
  bool has_forgotten_blocks() override;
  Result<void> reset_peak() override;
  Result<void> set_limit(std::optional<std::uint64_t> bytes) override;
  Result<void> set_site_limit(std::optional<SiteLimit> limit) override;
  void set_epoch(std::uint32_t snapshot) override;
  EngineReport report() override;

  /// Instead of modules_changed, for a process that is no more: takes over what a debugger left recording in it, and
  /// writes nothing. Then `now`, `totals` and `report` can be asked. Errors: Code::not_found where nothing was being
  /// recorded; others where that cannot be read.
  Result<void> adopt(const ModuleMap& modules);

  /// Where the recorder is; 0 while there is none.
  Address control() const { return is_installed_ ? installation_->control() : Address(); }
  /// Whether it went on with what an earlier debugger had left recording; and that since the process began.
  bool goes_on() const { return goes_on_; }
  bool goes_on_from_start() const { return goes_on_from_start_; }

 private:
  /// What an origin's number means in the session's tables.
  struct Known {
    TracebackId traceback{};
    DomainId domain{};
    bool is_known = false;
    layout::Place place = layout::Place::unknown;  // as the recorder was told
  };
  /// What can still be told when the process is gone.
  struct Last {
    Snapshot snapshot;
    Totals totals;
    EngineReport report;
    std::vector<Fault> faults;
  };

  Result<void> begin();
  Result<void> go_on();
  void tell_symbols();
  void watch_start_and_exit();
  void watch_faults();
  void watch(Address address, std::unordered_map<Address, BreakpointId>& watches);
  class FrameCache;
  /// The books at this stop, and what reads more of them.
  struct OpenBooks {
    RecorderReader reader;
    RecordedBooks books;
  };

  Result<RecordedBooks> read_books();
  Result<OpenBooks> open_books();
  /// The same for who asks for blocks: nullopt where there is no recorder yet. Code::no_process where the process is
  /// gone.
  Result<std::optional<OpenBooks>> open_blocks();
  Result<void> learn_origins(const RecorderReader& reader, const RecordedBooks& books);
  void enter(const RecordedTracebacks& tracebacks, const RecordedBooks& books, FrameCache& cache);
  Result<void> forget_replaced(const ModuleMap& modules);
  ThreadId thread(std::uint32_t index, const RecordedBooks& books);
  Snapshot snapshot_of(const RecordedBooks& books);
  /// nullptr where nothing is known of this number.
  const Known* known_origin(std::uint32_t number) const;
  /// LiveBlock::epoch of a block: 0 also where it was born before this session's first snapshot.
  std::uint32_t epoch_of(const RecordedBlock& block) const {
    return block.epoch > older_epochs_ ? block.epoch - older_epochs_ : 0;
  }
  std::optional<LiveBlock> live_block(const RecordedBlock& block, const RecordedBooks& books);
  Result<std::vector<Fault>> faults_of(const RecordedBooks& books);
  std::optional<Fault> fault_of(const RecordedFault& recorded, const RecordedBooks& books);
  bool names_operators(TracebackId traceback);
  bool is_dynamic_loaders(TracebackId traceback);
  EngineReport report_of(const RecordedBooks* books) const;
  Result<void> tell_limits();
  Result<void> tell_limit();
  Result<void> tell_site_limit();
  Result<void> mark_places();
  std::uint64_t size_at_site(const RecordedBooks& books) const;
  Result<void> watch_limits();
  PassedLimits take_passed();
  Result<void> set_peak(const RecordedBooks& books);

  Debugger& debugger_;
  Recording& recording_;
  EntryPoints& entry_points_;
  UnwindTables& tables_;
  RecorderSettings settings_;
  std::unique_ptr<Installation> installation_;
  StubSymbols stub_symbols_;
  Address known_control_;
  bool is_installed_ = false;
  bool goes_on_ = false;
  bool goes_on_from_start_ = false;
  bool is_gone_ = false;

  std::string remark_;
  ModuleMap modules_;
  std::vector<LoadedModule> gone_;  // modules that were unmapped, for as long as nothing else lies there
  std::vector<Known> origins_;      // by number - 1
  std::unordered_map<std::uint32_t, ThreadId> threads_;
  RecordedLedger ledger_;
  std::uint32_t epoch_ = 0;         // number of the session's last snapshot
  std::uint32_t older_epochs_ = 0;  // the recorder's up to this one are of sessions before
  std::unordered_map<Address, BreakpointId> exits_;
  std::unordered_map<Address, BreakpointId> starts_;
  std::optional<std::uint64_t> limit_;  // bytes
  std::optional<SiteLimit> site_limit_;
  std::optional<BreakpointId> at_passed_;   // where threads come by that passed it
  std::optional<BreakpointId> at_faulted_;  // where threads come by that have noted a fault
  std::optional<Last> last_;
};

}  // namespace memsnap
