#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.h"
#include "core/memory_reader.h"
#include "core/module.h"
#include "core/registers.h"
#include "core/result.h"

namespace memsnap {

/// A thread as the operating system numbers it (an lwp), unique among the inferior's live threads.
enum class OsThreadId : std::uint64_t {};

/// A breakpoint that a Debugger set for memsnap.
enum class BreakpointId : std::uint32_t {};

/// What the debugger has to debug.
enum class InferiorState : std::uint8_t {
  none,     ///< no process: not run yet, exited, detached
  running,  ///< a process that is not stopped, so that nothing of it can be read
  stopped,  ///< a process that can be read
  core,     ///< a core file: can be read as a stopped process can, and nothing else
};

/// A module with what is needed to name it.
struct MappedModule {
  Module module;
  std::uint64_t bias = 0;
  std::vector<AddressRange> segments;
};

/// A stretch of the inferior's memory.
struct MemoryRegion {
  AddressRange range;
  bool is_readable = false;
  bool is_writable = false;
  bool is_executable = false;
  std::string name;  ///< as the kernel calls it: a file's path, `[heap]`; empty where it has none. Core files tell none

  bool operator==(const MemoryRegion&) const = default;
};

/// A physical frame of a stopped thread.
struct StackFrame {
  Address pc;  ///< run-time: a return address, but for the innermost frame
  Address sp;  ///< rsp in that frame; what it has on the stack lies from there up to the next outer frame's
};

/// What a process that was let go stands for.
enum class Standing : std::uint8_t {
  gone,     ///< it has ended
  memsnap,  ///< breakpoints of memsnap's, and nothing else
  user,     ///< something that is the user's to see: a breakpoint of theirs, a signal, Ctrl-C
};

/// The thread that hit a breakpoint. Lives for one handler call only.
class StoppedThread {
 public:
  virtual ~StoppedThread() = default;
  virtual OsThreadId id() = 0;
  /// A general register of its innermost frame; nullopt where the debugger cannot tell. Read on demand, as each costs.
  virtual std::optional<std::uint64_t> read(Register which) = 0;
  /// The debugger's own walk: run-time pcs of the physical frames, innermost first, at most `limit`. Slow; for code
  /// that our rows do not cover.
  virtual std::vector<Address> unwind(std::size_t limit) = 0;
  /// Where this handler stops the program: the frame that the user finds selected, from 0 on, inlined ones counted.
  virtual void select_frame(std::size_t index) = 0;
};

/// How a debugger calls a thread.
struct ThreadLabel {
  std::uint32_t number = 0;  ///< the debugger's own, from 1
  std::string name;          ///< the operating system's; may be empty
};

/// `thread 3 (worker)`, without the name where there is none.
std::string to_string(const ThreadLabel& label);

struct SystemCall;

/// The port: everything memsnap asks of a debugger. Primitives only; what all debuggers would share is in plugin.
///
/// The debugger calls the session back (see DebuggerEvents) on the thread that handles its stops, never while one of
/// these calls is under way but for those said to. Nothing here throws.
class Debugger {
 public:
  virtual ~Debugger() = default;

  virtual InferiorState state() = 0;

  /// Whether the process was run in order to be debugged, and not attached to.
  virtual bool was_launched() = 0;

  /// Whether this debugger has had the process from its first instruction on. Not where a server ran it, which may have
  /// let it go on before: there it has to be looked at.
  virtual bool saw_start() = 0;

  /// What is another after the process called exec, and the same until then: the sixteen random bytes that the kernel
  /// gave the program, which the C library takes its keys from as well. Empty where they cannot be read.
  /// For core files: another each time that one is opened.
  virtual std::string program_instance() = 0;

  /// The modules mapped now, the vdso not among them. Asked while the inferior can be read.
  virtual std::vector<MappedModule> modules() = 0;

  /// The inferior's memory. Valid for the debugger's life; reads fail while there is nothing to read.
  virtual MemoryReader& memory() = 0;

  /// Sets a breakpoint that the user does not see: each hit calls DebuggerEvents::on_breakpoint, which says whether the
  /// program stops there.
  /// May be called from a handler. Errors: Code::debugger with the debugger's own words.
  virtual Result<BreakpointId> set_breakpoint(Address address) = 0;
  /// Takes breakpoints out again. Ids that are gone already are nothing. Never called from on_breakpoint.
  virtual void remove_breakpoints(std::span<const BreakpointId> ids) = 0;

  /// From now on, on_modules_changed comes for each module that is loaded, at the start of a process too, before any of
  /// its code runs. `false` ends it.
  virtual Result<void> watch_modules(bool on) = 0;

  /// From now on, on_signal_stop comes. Once asked for it may come for good; where a debugger has nothing to do for
  /// it, it comes anyway. May be called from a handler.
  virtual void watch_signals() = 0;

  /// Core files do not have the names of threads.
  virtual ThreadLabel thread_label(OsThreadId id) = 0;

  // What it takes to put code into the process. All of it works at a stop and in the handlers on_modules_changed and
  // on_breakpoint, at the first instruction of a program too.

  /// Why code cannot be put into the process: one line for people. Empty where it can.
  virtual std::string injection_obstacle() = 0;

  /// All that is mapped now, ascending; neighbours are not joined. Of a core file: what it has.
  virtual std::vector<MemoryRegion> regions() = 0;

  /// One bare system call of one stopped thread, which then is as it was; the others do not run for it. A call that
  /// failed is no error: it gives the negative number of its error, as the kernel does. Errors: Code::unsupported,
  /// Code::debugger.
  virtual Result<std::int64_t> system_call(const SystemCall& call) = 0;

  /// Writes all of `bytes`, also where the process itself may not write. Breakpoints there stay in force, and what is
  /// written is what lies below them. Fast where the process may write. Errors: Code::unmapped; some bytes may then
  /// have been written.
  virtual Result<void> write(Address address, std::span<const std::byte> bytes) = 0;

  /// The process' threads.
  virtual std::vector<OsThreadId> threads() = 0;
  /// A register of any stopped thread, in its innermost frame; nullopt where it cannot be told, as of one that runs.
  virtual std::optional<std::uint64_t> read_register(OsThreadId thread, Register which) = 0;
  /// Where a stopped thread's own data is (fs base), 0 before the C library has set it up; nullopt where it cannot be
  /// told.
  virtual std::optional<Address> thread_pointer(OsThreadId thread) = 0;
  /// Makes a stopped thread go on at another instruction, and the debugger show it there.
  virtual Result<void> set_pc(OsThreadId thread, Address pc) = 0;

  /// Where in `range` the user has enabled breakpoints, ascending.
  virtual std::vector<Address> user_breakpoints(AddressRange range) = 0;

  /// Tells the debugger, and not the user, the symbols and unwind information of an ELF file whose first byte is mapped
  /// at `base`. A file is at one base at a time, and stays where it is on disk until they are taken back.
  virtual Result<void> add_symbols(const std::string& path, Address base) = 0;
  /// Takes back all that add_symbols told; also after the process has gone, and where there was nothing.
  virtual void forget_symbols() = 0;

  /// Where the code is that the user means by a location, as the debugger's own breakpoints take it: a function's name,
  /// qualified or not, or `FILE:LINE`. Functions are where they begin, before their frame is set up, inlined ones too.
  /// Empty where there is nothing of that name now.
  virtual std::vector<Address> find_code(const std::string& location) = 0;

  /// The address that the user means by an expression of the debugger's, in the frame that is selected: what a pointer
  /// or a number says, and where anything else lies. Errors: Code::debugger with the debugger's own words.
  virtual Result<Address> evaluate(const std::string& expression) = 0;
  /// The debugger's own walk of a stopped thread, innermost first, at most `limit`.
  virtual std::vector<StackFrame> stack(OsThreadId thread, std::size_t limit) = 0;

  /// Lets the stopped process go on, and waits until it stands again or is gone. Handlers are called meanwhile, and
  /// the user may give commands from breakpoints of theirs. Ctrl-C stops the process. What is the user's to see is
  /// shown; a stop of memsnap's alone is not, unless a handler asked for it with AfterHit::stop. Errors: Code::debugger
  /// with the debugger's own words.
  virtual Result<Standing> run_on() = 0;
  /// Shows the user where the process stands, as at a stop of theirs, with the innermost frame selected.
  virtual void show_stop() = 0;

  /// Where the user keeps the source that debug information calls `path` (source maps, search folders); `path` itself
  /// where the debugger knows no better.
  virtual std::string source_path(const std::string& path) = 0;

  /// Whether the user pressed Ctrl-C since the command began.
  virtual bool interrupted() = 0;
  /// Tells the user something that no command asked for. Whole lines.
  virtual void tell(const std::string& text) = 0;
  /// Shows a passing line on a terminal, an empty one takes it away; nothing where the output is no terminal.
  virtual void show_progress(const std::string& line) = 0;
};

/// The failure of what can be done to a stopped process only: Code::running.
std::unexpected<Error> process_is_running();

/// The modules mapped now. Those that are new get a number in `names`.
ModuleMap map_modules(Debugger& debugger, ModuleTable& names);
ModuleMap map_modules(std::vector<MappedModule> modules, ModuleTable& names);

/// Debugger::modules with all that each has mapped: also the variables that its file has no bytes for. Reads the
/// modules' headers from memory.
std::vector<MappedModule> whole_modules(Debugger& debugger);

/// Where the regions are.
std::vector<AddressRange> mapped_ranges(Debugger& debugger);

/// What becomes of a program that hit a breakpoint of memsnap's.
enum class AfterHit : std::uint8_t {
  go_on,
  stop,          ///< as at a breakpoint of the user's
  stop_quietly,  ///< for Debugger::run_on, whose caller tells the user
};

/// What a debugger tells memsnap. Nothing here throws.
///
/// The thread that it is about is stopped during each call. Not every debugger holds the others as well: one that runs,
/// or that has run into a breakpoint which the debugger has yet to see, may be anywhere. All are held at an ordinary
/// stop, where commands are given; and there is one thread only where a program begins.
class DebuggerEvents {
 public:
  virtual ~DebuggerEvents() = default;
  /// A thread is about to execute the instruction at `address`, where memsnap has a breakpoint.
  virtual AfterHit on_breakpoint(Address address, StoppedThread& thread) = 0;
  /// The user set, enabled, disabled or deleted breakpoints, and no thread has run since; or may have.
  virtual void on_breakpoints_changed() = 0;
  /// Modules came or went, or a process came to be (by run, attach or exec).
  virtual void on_modules_changed() = 0;
  /// A signal has stopped the program for the user to see, by its name: "SIGSEGV". All threads are stopped.
  virtual void on_signal_stop(std::string_view signal) = 0;
  /// The process is gone: exited, killed or detached from. Breakpoints may be removed here.
  virtual void on_process_gone() = 0;
};

}  // namespace memsnap
