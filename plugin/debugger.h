#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
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
};

/// A module with what is needed to name it.
struct MappedModule {
  Module module;
  std::uint64_t bias = 0;
  std::vector<AddressRange> segments;
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
};

/// How a debugger calls a thread.
struct ThreadLabel {
  std::uint32_t number = 0;  ///< the debugger's own, from 1
  std::string name;          ///< the operating system's; may be empty
};

/// The port: everything memsnap asks of a debugger. Primitives only; what all debuggers would share is in plugin.
///
/// The debugger calls the session back (see DebuggerEvents) on the thread that handles its stops, never while one of
/// these calls is under way but for those said to. Nothing here throws.
class Debugger {
 public:
  virtual ~Debugger() = default;

  virtual InferiorState state() = 0;

  /// Whether the debugger itself ran the process, and did not attach to it.
  virtual bool was_launched() = 0;

  /// Something that is another after the process called exec, and the same until then; empty where that cannot be told.
  virtual std::string program_instance() = 0;

  /// The modules mapped now, the vdso not among them. Asked while the inferior can be read.
  virtual std::vector<MappedModule> modules() = 0;

  /// The inferior's memory. Valid for the debugger's life; reads fail while there is nothing to read.
  virtual MemoryReader& memory() = 0;

  /// Sets a breakpoint that the user does not see and that never stops: each hit calls DebuggerEvents::on_breakpoint.
  /// May be called from a handler. Errors: Code::debugger with the debugger's own words.
  virtual Result<BreakpointId> set_breakpoint(Address address) = 0;
  /// Takes breakpoints out again. Ids that are gone already are nothing. Never called from on_breakpoint.
  virtual void remove_breakpoints(std::span<const BreakpointId> ids) = 0;

  /// From now on, on_modules_changed comes for each module that is loaded, at the start of a process too, before any of
  /// its code runs. `false` ends it.
  virtual Result<void> watch_modules(bool on) = 0;

  virtual ThreadLabel thread_label(OsThreadId id) = 0;

  /// Where the user keeps the source that debug information calls `path` (source maps, search folders); `path` itself
  /// where the debugger knows no better.
  virtual std::string source_path(const std::string& path) = 0;

  /// Whether the user pressed Ctrl-C since the command began.
  virtual bool interrupted() = 0;
  /// Shows a passing line on a terminal, an empty one takes it away; nothing where the output is no terminal.
  virtual void show_progress(const std::string& line) = 0;
};

/// What a debugger tells memsnap. All inferior threads are stopped during each call. Nothing here throws.
class DebuggerEvents {
 public:
  virtual ~DebuggerEvents() = default;
  /// A thread is about to execute the instruction at `address`, where memsnap has a breakpoint.
  virtual void on_breakpoint(Address address, StoppedThread& thread) = 0;
  /// Modules came or went, or a process came to be (by run, attach or exec).
  virtual void on_modules_changed() = 0;
  /// The process is gone: exited, killed or detached from. Breakpoints may be removed here.
  virtual void on_process_gone() = 0;
};

}  // namespace memsnap
