#pragma once

#include <lldb/API/LLDB.h>

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
  std::recursive_mutex mutex;
  // The one that gave the last command.
  std::thread::id command_thread;

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
