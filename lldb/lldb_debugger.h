#pragma once

#include <lldb/API/LLDB.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lldb/stop_frame.h"
#include "plugin/debugger.h"
#include "plugin/local_process.h"

namespace memsnap {

/// The port for LLDB, through its SB API. Objects of the SB API are values that may be kept; threads and frames are not
/// kept.
///
/// Not thread-safe: the plugin's lock is held around every call.
class LldbDebugger final : public Debugger, private MemoryReader {
 public:
  /// What LLDB calls for one breakpoint of ours.
  struct Hook {
    LldbDebugger* debugger = nullptr;
    enum class Kind : std::uint8_t { address, modules } kind = Kind::address;
    Address address;
    bool is_dead = false;  ///< removed, but not yet deleted
  };

  /// All breakpoints of ours have this name.
  static constexpr const char* kBreakpointName = "memsnap";

  explicit LldbDebugger(lldb::SBDebugger debugger);
  ~LldbDebugger() override;

  lldb::SBDebugger sb_debugger() const { return debugger_; }
  void set_callback(lldb::SBBreakpointHitCallback callback) { callback_ = callback; }
  /// The plugin's lock, which run_on gives away while the process runs. A command holds it once.
  void set_lock(std::recursive_timed_mutex& lock) { lock_ = &lock; }
  /// What a handler asked for at a hit.
  void note(AfterHit after) { is_users_stop_ = is_users_stop_ || after == AfterHit::stop; }
  /// Whether this thread is the one that waits in run_on, and handles the process' events.
  bool is_waiting(std::thread::id thread) const { return waiting_thread_ == thread; }

  InferiorState state() override;
  bool was_launched() override;
  bool saw_start() override;
  std::string program_instance() override;
  std::vector<MappedModule> modules() override;
  MemoryReader& memory() override { return *this; }
  Result<BreakpointId> set_breakpoint(Address address) override;
  void remove_breakpoints(std::span<const BreakpointId> ids) override;
  Result<void> watch_modules(bool on) override;
  void watch_signals() override;
  ThreadLabel thread_label(OsThreadId id) override;
  std::string injection_obstacle() override;
  std::vector<MemoryRegion> regions() override;
  Result<std::int64_t> system_call(const SystemCall& call) override;
  Result<void> write(Address address, std::span<const std::byte> bytes) override;
  std::vector<OsThreadId> threads() override;
  std::optional<std::uint64_t> read_register(OsThreadId thread, Register which) override;
  std::optional<Address> thread_pointer(OsThreadId thread) override;
  Result<void> set_pc(OsThreadId thread, Address pc) override;
  std::vector<Address> user_breakpoints(AddressRange range) override;
  Result<void> add_symbols(const std::string& path, Address base) override;
  void forget_symbols() override;
  std::vector<Address> find_code(const std::string& location) override;
  Result<Address> evaluate(const std::string& expression) override;
  std::vector<StackFrame> stack(OsThreadId thread, std::size_t limit) override;
  Result<Standing> run_on() override;
  void show_stop() override;
  std::string source_path(const std::string& path) override;
  bool interrupted() override;
  void tell(const std::string& text) override;
  void show_progress(const std::string& line) override;

  /// Whether the process that was last seen is gone, or is another one by now. A handler for a process' end is not to
  /// be had in the SB API without taking events from LLDB's own, so this is asked at every call. A child that LLDB has
  /// gone on with is no other process: from here on it is the one that is traced.
  bool process_changed();
  /// Takes the process there is now for the one that is traced.
  void accept_process();
  /// Deletes what was removed while a handler ran. Only while none does.
  void delete_removed();
  StopFrame& stop_frame() { return stop_frame_; }
  /// The name of the signal that stopped the process; empty where it was none.
  std::string stop_signal();
  class Thread;

 private:
  pid_t find_pid();
  /// A module's path and an address as its file counts: what stays when the process is another.
  using Place = std::pair<std::string, std::uint64_t>;
  struct Breakpoint {
    lldb::SBBreakpoint breakpoint;
    std::unique_ptr<Hook> hook;
    Place place;
  };

  std::size_t read(Address address, std::span<std::byte> into) override;
  lldb::SBTarget target();
  lldb::SBProcess process();
  static bool is_core(lldb::SBTarget target);
  bool shows_core_file();
  std::string core_instance();
  std::vector<MappedModule> core_file_modules();
  std::vector<MemoryRegion> core_file_regions();
  pid_t local_pid();
  bool write_below_breakpoints(Address address, std::span<const std::byte> bytes);
  std::vector<Address> breakpoint_locations(AddressRange range, bool with_ours);
  void read_frames();
  bool write_words(Address address, std::span<const std::byte> bytes);
  void make_hidden(lldb::SBBreakpoint& breakpoint);
  lldb::SBError continue_and_wait();
  bool is_ours(lldb::SBThread& thread);
  Standing select_stopped();
  static void refresh_frames(lldb::SBThread thread);
  void watch(lldb::SBBreakpoint breakpoint);
  std::vector<lldb::SBModule> dynamic_loader(lldb::SBModule program);
  std::string setting(const char* name);

  lldb::SBDebugger debugger_;
  lldb::SBTarget target_;
  lldb::SBBreakpointHitCallback callback_ = nullptr;
  std::unordered_map<BreakpointId, Breakpoint> breakpoints_;
  std::vector<Breakpoint> watches_;
  std::multimap<Place, Breakpoint> removed_;  // LLDB still has them
  std::uint32_t next_breakpoint_ = 0;
  pid_t pid_ = 0;                 // of the process that it was when it was accepted
  std::uint32_t process_id_ = 0;  // LLDB's own, unique among the processes of a session; 0 for none
  bool local_ = false;
  StopFrame stop_frame_;
  LocalMemory local_memory_;
  LocalModules local_modules_;
  std::vector<lldb::SBModule> symbol_modules_;
  std::recursive_timed_mutex* lock_ = nullptr;
  std::atomic<std::thread::id> waiting_thread_;
  bool is_users_stop_ = false;  // a handler asked for a stop since the process was let go
};

/// The path in a file's specification; empty where it has none.
std::string path_of(lldb::SBFileSpec file);

/// One stop at a breakpoint of ours.
class LldbDebugger::Thread final : public StoppedThread {
 public:
  Thread(lldb::SBThread& thread, StopFrame& stop_frame)
      : thread_(thread), frame_(thread.GetFrameAtIndex(0)), stop_frame_(stop_frame) {}
  OsThreadId id() override { return OsThreadId{thread_.GetThreadID()}; }
  std::optional<std::uint64_t> read(Register which) override;
  std::vector<Address> unwind(std::size_t limit) override;
  void select_frame(std::size_t index) override { stop_frame_.choose(thread_, static_cast<std::uint32_t>(index)); }

 private:
  lldb::SBThread& thread_;
  lldb::SBFrame frame_;
  StopFrame& stop_frame_;
};

}  // namespace memsnap
