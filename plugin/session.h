#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/formats/snapshot_file.h"
#include "core/formats/table.h"
#include "core/symbols/symbolizer.h"
#include "core/trace/blame.h"
#include "core/trace/rules.h"
#include "plugin/call_watch.h"
#include "plugin/core_file.h"
#include "plugin/debugger.h"
#include "plugin/engine.h"
#include "plugin/entry_points.h"
#include "plugin/places.h"
#include "plugin/recorder_engine.h"
#include "plugin/recording.h"
#include "plugin/snapshot_store.h"
#include "plugin/source_reader.h"
#include "plugin/unwind_tables.h"

namespace memsnap {

class Around;
class BlockTypes;

/// Whether anything is recorded.
enum class Tracing : std::uint8_t { no, armed, yes };

/// What the user asked `start` for.
struct StartOptions {
  static constexpr std::uint32_t kMostFrames = 256;

  std::uint32_t frames = 32;        ///< physical frames of a traceback, 1 to kMostFrames
  std::string engine = "auto";      ///< auto, recorder, breakpoint
  std::uint32_t script_frames = 0;  ///< see Snapshot
  static constexpr std::uint32_t kMostHistory = 1'000'000;
  std::uint32_t history = 0;  ///< freed blocks to keep with both tracebacks, at most kMostHistory
};

/// Code::usage where there is no such engine.
Result<void> check_engine(std::string_view name);

/// A limit to what is live of one call site.
struct CallSiteLimit {
  std::string name;  ///< as the user said it
  Filter site;
  std::uint64_t bytes = 0;
};

/// The blocks behind a table of lost ones.
struct LostBlocks {
  std::vector<Address> directly;       ///< ascending
  std::vector<Address> indirectly;     ///< ascending
  std::size_t first_indirect_row = 0;  ///< from 0 on
};

/// One traced target: what is recorded of it now, its snapshots, the rules for reading them, the last table.
///
/// Lives as long as the plugin; processes come and go. Not thread-safe: an adapter calls it from one thread at a time.
class Session final : public DebuggerEvents {
 public:
  explicit Session(Debugger& debugger);
  ~Session() override;

  /// Begins to record: at once in a process, else in the next one. Returns what to tell the user.
  Result<std::string> start(const StartOptions& options);
  /// Ends it, and leaves the process as it was. Snapshots stay.
  Result<void> stop();

  Tracing tracing() const;
  const StartOptions& options() const { return options_; }
  /// The engine at work, or that worked in the process that is gone, or in that of the core file that the debugger has
  /// open. Code::no_process, Code::not_tracing or
  /// Code::running where there is nothing that could be read now; the message says what to do.
  Result<Engine*> engine();
  /// Whether what engine() gave last knows no blocks that are older than `memsnap start`.
  bool since_start_only();
  /// The same for reading status: nullptr where there is none.
  Engine* engine_or_null();
  /// What the user should know about the choice of the engine, or of a core file; empty mostly.
  std::string remark();

  /// Stops the program at each allocation that takes what is live from at most `bytes` to more; nullopt: at none.
  Result<void> set_limit(std::optional<std::uint64_t> bytes);
  std::optional<std::uint64_t> limit() const { return limit_; }
  /// The same for what is live of one call site. One at a time.
  Result<void> set_site_limit(std::optional<CallSiteLimit> limit);
  const std::optional<CallSiteLimit>& site_limit() const { return site_limit_; }
  /// The rules of blame have changed.
  void on_rules_changed();
  /// Adds functions to a domain of the user's own, and watches them from now on where something is traced. Errors: what
  /// was wrong with them, and then nothing has changed; which of them cannot be watched in this process.
  Result<void> add_allocator(std::string_view domain, const std::vector<OwnFunction>& functions);
  const OwnAllocators& own_allocators() { return entry_points_.own_allocators(); }
  /// Whether a module of the process, or of the last one, has this function of the user's own.
  bool has_own(const EntryPointSpec& function);

  /// Takes a snapshot. An empty name stands for its number.
  Result<SnapshotPtr> take(const std::string& name);
  /// A snapshot by name or number, or what is live now for `now`.
  Result<SnapshotPtr> find_snapshot(std::string_view word);
  /// The latest snapshot, or `now` where there is none.
  Result<SnapshotPtr> latest_snapshot();
  /// A snapshot with all that its tables need, for a file; where there is an older one, with that as well. Reads
  /// symbols, and shows how far that is: see packing.h.
  Result<SnapshotFile> pack(const Snapshot& snapshot, const Snapshot* older = nullptr);
  /// The way back: enters what a file holds into the session's tables. It is none of the session's snapshots by that.
  Snapshot unpack(SnapshotFile file);
  /// Asks for the debugger's end once the command is done, with this exit status.
  void leave(int status) { exit_status_ = status; }
  /// What was asked for, once: a debugger that does not end goes on.
  std::optional<int> take_exit_status() { return std::exchange(exit_status_, std::nullopt); }
  /// Lets the process go on until it stands again: see Debugger::run_on.
  Result<Standing> run_on();
  CallWatch& call_watch() { return call_watch_; }
  Around& around() { return *around_; }
  SnapshotStore& snapshots() { return snapshots_; }

  const Recording& recording() const { return recording_; }
  HideRules& hide_rules() { return hide_rules_; }
  std::vector<Filter>& filters() { return filters_; }
  Blame& blame() { return blame_; }
  /// See Debugger::evaluate. What a debugger maps in the process to do it is none of the program's memory.
  Result<Address> evaluate(const std::string& expression);
  /// That memory, as far as it was mapped here.
  const std::vector<AddressRange>& debugger_memory() const { return debugger_memory_; }
  /// What addresses are, at this stop. While a process or a core file can be read.
  Places places() { return {debugger_, recording_.modules, symbolizer_}; }
  SourceReader& sources() { return sources_; }
  /// The types of blocks, at this stop: to be asked for once a command.
  BlockTypes& types();
  Debugger& debugger() { return debugger_; }
  const std::optional<Table>& last_table() const { return last_table_; }
  /// `lost`: the blocks that it is of, where it is one of lost blocks.
  void set_last_table(Table table, std::optional<LostBlocks> lost = std::nullopt);
  const std::optional<LostBlocks>& last_lost() const { return last_lost_; }

  AfterHit on_breakpoint(Address address, StoppedThread& thread) override;
  void on_breakpoints_changed() override;
  void on_modules_changed() override;
  void on_process_gone() override;
  void on_signal_stop(std::string_view signal) override;

 private:
  Result<void> notice_process();
  Result<void> begin(bool from_process_start);
  Result<void> tell_engine();
  void make_recorder();
  void make_breakpoint_engine();
  void adopt_engine(std::unique_ptr<Engine> engine);
  std::string fallback_line() const;
  Result<void> tell_site_limit(const std::optional<CallSiteLimit>& limit);
  void tell_passed(const PassedLimits& passed);
  std::size_t user_frame(StoppedThread& thread);
  Result<Snapshot> now();

  Debugger& debugger_;
  Recording recording_;
  EntryPoints entry_points_;
  UnwindTables unwind_tables_;
  Symbolizer symbolizer_;
  HideRules hide_rules_;
  std::vector<Filter> filters_;
  Blame blame_;
  CoreFile core_file_;
  SourceReader sources_;
  std::unique_ptr<BlockTypes> types_;
  SnapshotStore snapshots_;
  std::optional<Table> last_table_;
  std::optional<LostBlocks> last_lost_;

  std::optional<int> exit_status_;
  std::optional<std::uint64_t> limit_;  // bytes
  std::optional<CallSiteLimit> site_limit_;
  StartOptions options_;
  bool wanted_ = false;             // between start and stop
  std::unique_ptr<Engine> engine_;  // of the process, or of the last one
  bool process_is_gone_ = true;
  bool since_start_only_ = false;
  bool from_process_start_ = false;
  RecorderEngine* recorder_ = nullptr;  // the engine, where it is this one
  Address recorder_control_;            // of the recorder that the process has, in use or not
  std::string why_breakpoint_;          // where auto had to take it
  std::optional<Error> failure_;        // why nothing is recorded in this process
  std::string program_instance_;
  ModuleMap modules_;
  CallWatch call_watch_;
  std::unique_ptr<Around> around_;
  bool runs_on_ = false;                       // a command waits for the process
  std::vector<AddressRange> debugger_memory_;  // see evaluate
};

}  // namespace memsnap
