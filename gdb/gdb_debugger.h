#pragma once

#include <pybind11/pybind11.h>

#include <unordered_map>
#include <vector>

#include "gdb/native_registers.h"
#include "gdb/remote_server.h"
#include "plugin/debugger.h"
#include "plugin/local_process.h"
#include "plugin/system_call.h"

namespace memsnap {

/// The port for GDB, through its Python interface.
///
/// All calls are on GDB's main thread, with Python's lock held.
class GdbDebugger final : public Debugger, private MemoryReader {
 public:
  /// `gdb` is the module, `breakpoint_class` makes a hidden breakpoint from an address.
  GdbDebugger(pybind11::module_ gdb, pybind11::object breakpoint_class);

  InferiorState state() override;
  bool was_launched() override;
  bool saw_start() override;
  std::string program_instance() override;
  std::vector<MappedModule> modules() override;
  MemoryReader& memory() override { return *this; }
  Result<BreakpointId> set_breakpoint(Address address) override;
  void remove_breakpoints(std::span<const BreakpointId> ids) override;
  Result<void> watch_modules(bool on) override;
  void watch_signals() override {}  // gdb.events.stop tells of them
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

  /// GDB's number of the inferior that is traced, 0 for none yet.
  int inferior_number() const { return inferior_number_; }
  /// Takes GDB's current inferior as the traced one. Called when a command begins to trace, and at a new process.
  void choose_inferior();
  /// Whether GDB's current inferior has a process: a program's file alone brings modules too.
  bool has_live_process();
  /// Whether GDB's current inferior is the traced one.
  bool is_current_inferior();

  /// Called when GDB calls us: what the user interrupted is over.
  void begin_command() { was_interrupted_ = false; }
  /// Whether GDB is in the middle of one of its events: commands that take symbols away then end a `run` that waits.
  void set_handles_event(bool handles) { handles_event_ = handles; }
  bool handles_event() const { return handles_event_; }
  /// Takes away what could not be while an event was handled.
  void forget_stale_symbols();
  /// Whether symbols are being added or taken away by us: GDB tells of a new module then, which is none.
  bool is_changing_symbols() const { return is_changing_symbols_; }

  /// What a handler asked for at a hit.
  void note(AfterHit after) { is_users_stop_ = is_users_stop_ || after == AfterHit::stop; }
  /// The frame that a handler chose for the stop it asked for, once.
  std::optional<std::size_t> take_frame_to_show() { return std::exchange(frame_to_show_, std::nullopt); }

  /// The thread that GDB handles a breakpoint of at `address`.
  class Thread;

 private:
  std::size_t read(Address address, std::span<std::byte> into) override;
  std::size_t read_through_debugger(Address address, std::span<std::byte> into);
  pybind11::object inferior();
  std::string connection_type();
  bool is_on_this_machine();
  std::string server_obstacle();
  Result<std::int64_t> call_through_server(Address instruction, const SystemCall& call);
  std::optional<NativeRegisters> read_through_server(pid_t thread);
  std::optional<NativeRegisters> read_registers(OsThreadId thread);
  static bool is_core(const pybind11::handle& inferior);
  std::string core_instance();
  std::vector<MappedModule> core_file_modules();
  void name_files(std::vector<MappedModule>& modules);
  std::vector<MemoryRegion> core_file_regions();
  std::vector<OsThreadId> core_file_threads();
  std::optional<std::uint64_t> core_file_register(OsThreadId id, Register which);
  static std::uint64_t read_frame_register(const pybind11::object& frame, Register which);
  bool is_handling_stop();
  pybind11::object find_thread(OsThreadId id);
  std::vector<pid_t> callable_threads();
  Result<std::int64_t> call_kernel(Address instruction, const SystemCall& call);
  std::string execute(const std::string& command);
  void change_symbols(const std::string& command);

  pybind11::module_ gdb_;
  pybind11::object breakpoint_class_;
  std::unordered_map<BreakpointId, pybind11::object> breakpoints_;
  std::uint32_t next_breakpoint_ = 0;
  std::optional<std::size_t> frame_to_show_;
  bool is_users_stop_ = false;  // a handler asked for a stop since the process was let go
  int inferior_number_ = 0;
  int pid_ = 0;
  bool native_ = false;  // GDB traces it itself
  int local_pid_ = 0;    // the same as pid_ where the process can be looked at on this machine
  RemoteServer::RegisterPlaces register_places_;
  LocalMemory local_memory_;
  LocalModules local_modules_;
  std::vector<std::string> symbol_files_;  // those added
  std::vector<std::string> stale_symbol_files_;
  bool handles_event_ = false;
  bool was_interrupted_ = false;  // since the command began
  bool is_changing_symbols_ = false;
};

/// One stop at a breakpoint of ours.
class GdbDebugger::Thread final : public StoppedThread {
 public:
  Thread(GdbDebugger& debugger, Address breakpoint);
  OsThreadId id() override { return id_; }
  std::optional<std::uint64_t> read(Register which) override;
  std::vector<Address> unwind(std::size_t limit) override;
  void select_frame(std::size_t index) override { debugger_.frame_to_show_ = index; }

 private:
  void read_natively(Address breakpoint);

  GdbDebugger& debugger_;
  OsThreadId id_{};
  bool is_native_ = false;
  Registers registers_;     // those read natively
  pybind11::object frame_;  // GDB's newest frame, once asked for
};

}  // namespace memsnap
