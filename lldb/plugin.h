#pragma once

#include <lldb/API/LLDB.h>

#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "lldb/lldb_debugger.h"
#include "plugin/scripts/script_calls.h"
#include "plugin/session.h"

namespace memsnap {

/// What there is of memsnap in one SBDebugger.
struct Plugin {
  explicit Plugin(lldb::SBDebugger lldb_debugger) : debugger(lldb_debugger) { debugger.set_lock(mutex); }

  LldbDebugger debugger;
  Session session{debugger};
  ScriptCalls scripts{session};
  // Commands come on the thread that reads them, breakpoints on the one that handles events.
  std::recursive_timed_mutex mutex;
  // The one that gave the last command.
  std::thread::id command_thread;

  /// The lock for a command of the user's; without it where it cannot be had. A debug adapter gives commands under a
  /// lock of LLDB's, which the handling of a breakpoint may be waiting for that has this one.
  std::unique_lock<std::recursive_timed_mutex> lock_for_command() {
    return std::unique_lock(mutex, std::chrono::milliseconds(500));
  }

  /// Tells the session where the process it knew is gone. Returns whether it was.
  bool notice_process_end() {
    if (!debugger.process_changed()) {
      return false;
    }
    session.on_process_gone();
    debugger.accept_process();
    return true;
  }
};

/// One for each SBDebugger, by its number. Never destroyed: LLDB may call back until the very end.
std::map<lldb::user_id_t, Plugin*>& plugins();

}  // namespace memsnap
