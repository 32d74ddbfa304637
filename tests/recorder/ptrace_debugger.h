#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/debugger.h"
#include "plugin/local_process.h"
#include "plugin/system_call.h"
#include "tests/recorder/tracee.h"

namespace memsnap::test {

/// Why the process does not run on.
struct Stop {
  enum class Kind : std::uint8_t {
    reached,  ///< an address that was asked for
    signal,   ///< a signal that would kill it; it is given when the process runs on
    forked,   ///< a child was kept: see take_child
    execed,   ///< it is at the first instruction of another program
    exited,   ///< `value` is its exit code
    killed,   ///< `value` is the signal
  };
  Kind kind = Kind::reached;
  OsThreadId thread{};
  Address pc;
  int value = 0;
};

/// One line for a failed check.
std::string to_string(const Stop& stop);

/// What becomes of forked children.
enum class Children : std::uint8_t {
  let_go,  ///< they run on, with no debugger
  keep,    ///< each stays stopped, for another debugger to adopt it
};

/// A debugger for tests, made directly on ptrace: it does the port and single steps, and nothing of its own accord.
///
/// A stop is a stop of all threads. Mistakes of a test throw; what the process does never does.
class PtraceDebugger final : public Debugger {
 public:
  PtraceDebugger() : masked_(*this) {}
  /// Kills a process that it launched or adopted, and detaches from one that it attached to.
  ~PtraceDebugger() override;
  PtraceDebugger(const PtraceDebugger&) = delete;
  PtraceDebugger& operator=(const PtraceDebugger&) = delete;

  /// Who is told of what happens; must live as long as the process is debugged.
  void set_events(DebuggerEvents* events) { events_ = events; }
  void set_children(Children children) { children_ = children; }
  /// Breakpoints that a user would have set. None is hit: they are only told of.
  void set_user_breakpoints(std::vector<Address> addresses) { users_own_ = std::move(addresses); }

  // A process comes, and goes.
  /// Starts a program, which is then stopped at its first instruction.
  void launch(const std::string& program, const std::vector<std::string>& arguments,
              const std::vector<std::string>& environment);
  void attach(pid_t pid);
  /// Takes over a child that another debugger of this test kept.
  void adopt(pid_t child);
  /// The first child that was kept and not taken yet; 0 for none.
  pid_t take_child();
  void detach();
  void kill();
  pid_t pid() const { return pid_; }

  // It runs.
  /// Until a thread is about to execute one of these addresses, or another reason comes.
  Stop run_to(const std::vector<Address>& addresses);
  /// Lets it run, and does not wait for anything. Nothing else can be asked then.
  void resume() { resume_all(); }
  /// One instruction of one thread; the others do not run. False where the process is gone.
  bool single_step(OsThreadId thread);
  /// So many instructions of one thread while all others run as they like. False where the process is gone.
  bool run_beside(OsThreadId thread, std::size_t steps);
  /// Interrupts a thread by a signal: it is at the first instruction of its handler then.
  void deliver(OsThreadId thread, int signal);

  /// Where functions of this name are, in any module; the one there is.
  std::vector<Address> find_functions(std::string_view name);
  Address find_function(std::string_view name);

  // The port.
  InferiorState state() override { return pid_ == 0 ? InferiorState::none : InferiorState::stopped; }
  bool was_launched() override { return was_launched_; }
  bool saw_start() override { return was_launched(); }
  std::string program_instance() override { return local_program_instance(pid_); }
  std::vector<MappedModule> modules() override { return modules_.read(pid_); }
  MemoryReader& memory() override { return masked_; }
  Result<BreakpointId> set_breakpoint(Address address) override;
  void remove_breakpoints(std::span<const BreakpointId> ids) override;
  Result<void> watch_modules(bool on) override;
  void watch_signals() override {}
  ThreadLabel thread_label(OsThreadId id) override;
  std::string injection_obstacle() override { return local_injection_obstacle(pid_); }
  std::vector<MemoryRegion> regions() override;
  Result<Address> evaluate(const std::string&) override { return fail(Code::unsupported, "no expressions"); }
  std::vector<StackFrame> stack(OsThreadId, std::size_t) override { return {}; }
  Result<std::int64_t> system_call(const SystemCall& call) override;
  Result<void> write(Address address, std::span<const std::byte> bytes) override;
  std::vector<OsThreadId> threads() override;
  std::optional<std::uint64_t> read_register(OsThreadId thread, Register which) override;
  std::optional<Address> thread_pointer(OsThreadId thread) override;
  Result<void> set_pc(OsThreadId thread, Address pc) override;
  std::vector<Address> user_breakpoints(AddressRange range) override;
  Result<void> add_symbols(const std::string&, Address) override { return {}; }
  void forget_symbols() override {}
  std::vector<Address> find_code(const std::string& location) override { return find_functions(location); }
  Result<Standing> run_on() override { return fail(Code::unsupported, "the tests let it run themselves"); }
  void show_stop() override {}
  std::string source_path(const std::string& path) override { return path; }
  bool interrupted() override { return false; }
  void tell(const std::string& text) override { told_ += text; }
  void show_progress(const std::string&) override {}

  /// All that memsnap told the user.
  const std::string& told() const { return told_; }

 private:
  // The process' memory without the debugger's own breakpoints in it.
  class MaskedMemory final : public MemoryReader {
   public:
    explicit MaskedMemory(PtraceDebugger& debugger) : debugger_(debugger) {}
    std::size_t read(Address address, std::span<std::byte> into) override;

   private:
    PtraceDebugger& debugger_;
  };
  struct Trap {
    std::byte below{};  // what it replaced
    unsigned users = 0;
  };

  Tracee& tracee(OsThreadId thread) { return tracees_.at(static_cast<pid_t>(thread)); }
  Tracee& add_thread(pid_t tid);
  std::set<pid_t> running() const;
  void forget_process();
  void tell_modules_changed();

  // Traps: one byte of code each.
  bool write_raw(Address address, std::span<const std::byte> bytes) const;
  bool add_trap(Address address);
  void remove_trap(Address address);
  void take_traps_out(pid_t process) const;
  void put_traps_in();
  void trap_loader();

  // What threads tell.
  std::optional<Stop> handle(Tracee& thread, WaitStatus status);
  std::optional<Stop> handle_end(pid_t tid, WaitStatus status);
  void handle_event(Tracee& thread, int event);
  void handle_child(Tracee& parent, bool shares_memory);
  void handle_exec(pid_t tid);
  static void leave_exec(Tracee& thread);
  std::optional<Stop> stop_of_event(pid_t tid, int event, bool has_kept_child);
  std::optional<Stop> handle_trap(Tracee& thread);
  std::optional<Stop> stop_all();
  void set_back(Tracee& thread);
  std::optional<Stop> step_once(Tracee& thread);
  std::optional<Stop> step_off_traps();
  std::optional<Stop> resume_all();
  Stop run();

  pid_t pid_ = 0;
  bool was_launched_ = false;
  bool is_own_ = false;  // to be killed in the end
  DebuggerEvents* events_ = nullptr;
  Children children_ = Children::let_go;
  std::vector<pid_t> kept_children_;
  std::map<pid_t, Tracee> tracees_;
  std::uint32_t last_number_ = 0;
  pid_t current_ = 0;  // that the last stop is of
  LocalMemory raw_;
  MaskedMemory masked_;
  LocalModules modules_;
  std::map<Address, Trap> traps_;
  bool traps_are_out_ = false;  // while a child shares the memory
  std::map<BreakpointId, Address> breakpoints_;
  std::uint32_t last_breakpoint_ = 0;
  std::set<Address> wanted_;  // by run_to
  std::set<Address> loader_;  // where the dynamic loader tells of modules
  std::vector<Address> users_own_;
  bool is_watching_ = false;
  std::string told_;
};

}  // namespace memsnap::test
