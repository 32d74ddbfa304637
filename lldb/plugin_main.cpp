// memsnap as an LLDB plugin: what `plugin load` calls, and the commands. Every function here is an entry from LLDB, and
// none lets an exception out.

#include <fmt/format.h>
#include <lldb/API/LLDB.h>

#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lldb/lldb_debugger.h"
#include "lldb/plugin.h"
#include "lldb/python.h"
#include "lldb/resume.h"
#include "plugin/command.h"
#include "plugin/session.h"

namespace memsnap {

std::map<lldb::user_id_t, Plugin*>& plugins() {
  static auto* all = new std::map<lldb::user_id_t, Plugin*>;
  return *all;
}

namespace {

Plugin* plugin_of(const LldbDebugger* debugger) {
  for (const auto& [id, plugin] : plugins()) {
    if (&plugin->debugger == debugger) {
      return plugin;
    }
  }
  return nullptr;
}

AfterHit handle_hit(Plugin& plugin, const LldbDebugger::Hook& hook, lldb::SBThread& thread) {
  // LLDB 14 forgets a breakpoint in the dynamic loader where the next run has it at the same address. A breakpoint of
  // the last run in the allocator is then what tells of the new process, and its first allocation is this very stop.
  const bool is_new_process = plugin.notice_process_end() || plugin.session.tracing() == Tracing::armed;
  if (is_new_process || hook.kind == LldbDebugger::Hook::Kind::modules) {
    plugin.session.on_modules_changed();
  }
  if (hook.kind == LldbDebugger::Hook::Kind::address && !hook.is_dead) {
    LldbDebugger::Thread stopped(thread, plugin.debugger.stop_frame());
    const auto after = plugin.session.on_breakpoint(hook.address, stopped);
    plugin.debugger.note(after);
    return after;
  }
  return AfterHit::go_on;
}

bool on_breakpoint(void* baton, lldb::SBProcess&, lldb::SBThread& thread, lldb::SBBreakpointLocation&) {
  try {
    const auto& hook = *static_cast<const LldbDebugger::Hook*>(baton);
    auto* plugin = plugin_of(hook.debugger);
    if (plugin != nullptr) {
      const std::scoped_lock lock(plugin->mutex);
      if (handle_hit(*plugin, hook, thread) != AfterHit::go_on) {
        return true;
      }
      // Where commands wait for the process, it is the thread that gives them which handles the events.
      const auto this_thread = std::this_thread::get_id();
      return this_thread != plugin->command_thread && !plugin->debugger.is_waiting(this_thread) &&
             resume_in_callback(thread, LldbDebugger::kBreakpointName, hook.kind == LldbDebugger::Hook::Kind::modules);
    }
  } catch (...) {
    // Nothing to tell it to; the call is one that was not recorded.
  }
  return false;
}

// LLDB tells nobody in time that the user has set a breakpoint. So those commands are looked out for that let the
// process go on; each is then carried out as ever.
constexpr const char* kResuming[] = {"process continue",      "thread continue", "thread step-in",
                                     "thread step-over",      "thread step-out", "thread step-inst",
                                     "thread step-inst-over", "thread until",    "process detach"};

bool before_resuming(void* baton, const char**) {
  try {
    auto& plugin = *static_cast<Plugin*>(baton);
    const auto lock = plugin.lock_for_command();
    if (!lock) {
      return false;
    }
    plugin.debugger.stop_frame().forget();
    if (plugin.debugger.state() == InferiorState::stopped && !plugin.debugger.process_changed()) {
      plugin.session.on_breakpoints_changed();
    }
  } catch (...) {
    // The command is the user's, and goes on.
  }
  return false;
}

void on_stop(Plugin& plugin) {
  const auto lock = plugin.lock_for_command();
  if (!lock || plugin.session.tracing() != Tracing::yes) {
    return;
  }
  if (const auto signal = plugin.debugger.stop_signal(); !signal.empty()) {
    plugin.session.on_signal_stop(signal);
  }
}

bool on_frame_select(void* baton, const char** words) {
  try {
    auto& plugin = *static_cast<Plugin*>(baton);
    const bool is_watch = StopFrame::watches(words);
    const bool is_selected = plugin.debugger.stop_frame().select();
    if (is_watch) {
      on_stop(plugin);
    }
    return is_selected || is_watch;
  } catch (...) {
    return false;
  }
}

class CommandAdapter final : public lldb::SBCommandPluginInterface {
 public:
  CommandAdapter(Plugin& plugin, const Command& command) : plugin_(plugin), command_(command) {}

  bool DoExecute(lldb::SBDebugger, char** arguments, lldb::SBCommandReturnObject& result) override {
    try {
      execute(arguments, result);
    } catch (const std::exception& error) {
      result.SetError(fmt::format("memsnap: internal error: {}", error.what()).c_str());
    } catch (...) {
      result.SetError("memsnap: internal error");
    }
    return result.Succeeded();
  }

 private:
  // As the user's own `quit STATUS`, once this command's output is out.
  void leave(int status, const Result<std::string>& output, lldb::SBCommandReturnObject& result) {
    auto text = output ? *output : "error: memsnap: " + output.error().message + "\n";
    auto* to = output ? stdout : stderr;
    std::fwrite(text.data(), 1, text.size(), to);
    std::fflush(to);
    auto interpreter = plugin_.debugger.sb_debugger().GetCommandInterpreter();
    lldb::SBCommandReturnObject outcome;
    interpreter.HandleCommand("settings set auto-confirm true", outcome);
    interpreter.HandleCommand(fmt::format("quit {}", status).c_str(), outcome);
    if (outcome.GetStatus() == lldb::eReturnStatusQuit) {
      result.SetStatus(lldb::eReturnStatusQuit);
    } else {
      result.SetError("memsnap: this debugger cannot end with an exit status");
    }
  }

  void execute(char** arguments, lldb::SBCommandReturnObject& result) {
    std::vector<std::string> words{std::string(command_.name)};
    for (auto** word = arguments; word != nullptr && *word != nullptr; ++word) {
      words.emplace_back(*word);
    }
    const auto lock = plugin_.lock_for_command();
    if (!lock) {
      result.SetError(fmt::format("memsnap: {}", process_is_running().error().message).c_str());
      return;
    }
    plugin_.command_thread = std::this_thread::get_id();
    plugin_.debugger.stop_frame().forget();
    const bool is_running = plugin_.debugger.state() == InferiorState::running;
    if (!is_running) {
      plugin_.notice_process_end();
    }
    const auto output = run_command(plugin_.session, words);
    // While tracing is armed, those of the last run wait for the next one.
    if (!is_running && plugin_.session.tracing() != Tracing::armed) {
      plugin_.debugger.delete_removed();
    }
    if (const auto status = plugin_.session.take_exit_status()) {
      leave(*status, output, result);
      return;
    }
    if (!output) {
      result.SetError(("memsnap: " + output.error().message).c_str());
      result.SetStatus(lldb::eReturnStatusFailed);
      return;
    }
    result.PutCString(output->c_str(), static_cast<int>(output->size()));
    result.SetStatus(lldb::eReturnStatusSuccessFinishResult);
  }

  Plugin& plugin_;
  const Command& command_;
};

bool load(lldb::SBDebugger lldb_debugger) {
  const auto id = lldb_debugger.GetID();
  if (plugins().contains(id)) {
    return true;  // loaded twice: the commands are there
  }
  // LLDB keeps the commands for good, so what they point to stays too.
  auto* plugin = new Plugin(lldb_debugger);
  plugins().emplace(id, plugin);
  plugin->debugger.set_callback(&on_breakpoint);
  auto interpreter = lldb_debugger.GetCommandInterpreter();
  auto memsnap = interpreter.AddMultiwordCommand("memsnap", "Snapshots of native memory.");
  if (!memsnap.IsValid()) {
    return false;
  }
  for (const auto& command : command_table()) {
    const std::string name(command.name);
    auto added = memsnap.AddCommand(name.c_str(), new CommandAdapter(*plugin, command),
                                    std::string(command.summary).c_str(), usage_line(command).c_str());
    added.SetHelpLong(std::string(command.help).c_str());
  }
  interpreter.SetCommandOverrideCallback(StopFrame::kCommand, &on_frame_select, plugin);
  for (const auto* command : kResuming) {
    interpreter.SetCommandOverrideCallback(command, &before_resuming, plugin);
  }
  offer_to_python(lldb_debugger);
  return true;
}

}  // namespace
}  // namespace memsnap

namespace lldb {

// Found by LLDB under this very name.
__attribute__((visibility("default"))) bool PluginInitialize(SBDebugger debugger);
bool PluginInitialize(SBDebugger debugger) {
  try {
    return memsnap::load(debugger);
  } catch (...) {
    return false;
  }
}

}  // namespace lldb
