// The native half of gdb/memsnap.py: a Python extension module for the interpreter inside GDB. Every function here is
// an entry from GDB, and none lets an exception out but for those that say how the module was used wrongly.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gdb/gdb_debugger.h"
#include "plugin/command.h"
#include "plugin/measures.h"
#include "plugin/scripts/script_calls.h"
#include "plugin/session.h"

namespace py = pybind11;

namespace memsnap {
namespace {

struct Plugin {
  GdbDebugger debugger;
  Session session{debugger};
  ScriptCalls scripts{session};

  Plugin(py::module_ gdb, py::object breakpoint_class) : debugger(std::move(gdb), std::move(breakpoint_class)) {}
};

// One for each GDB. Never destroyed: GDB's Python is half gone by the time that static objects are.
Plugin* the_plugin = nullptr;

// Runs an event handler. What goes wrong in it must neither stop the inferior nor reach the user raw.
template <typename Work>
void guarded(Work work) {
  if (the_plugin == nullptr) {
    return;
  }
  const bool was_handling = the_plugin->debugger.handles_event();
  the_plugin->debugger.set_handles_event(true);
  the_plugin->debugger.begin_command();
  try {
    work(*the_plugin);
  } catch (...) {
    PyErr_Clear();
  }
  the_plugin->debugger.set_handles_event(was_handling);
}

// What GDB does then, as the number of an AfterHit.
int on_breakpoint(std::uint64_t address) {
  auto after = AfterHit::go_on;
  guarded([address, &after](Plugin& plugin) {
    if (plugin.debugger.is_current_inferior()) {
      GdbDebugger::Thread thread(plugin.debugger, {address});
      after = plugin.session.on_breakpoint({address}, thread);
      plugin.debugger.note(after);
    }
  });
  return static_cast<int>(after);
}

void on_modules_changed() {
  guarded([](Plugin& plugin) {
    if (plugin.debugger.is_changing_symbols()) {
      return;
    }
    if (plugin.session.tracing() != Tracing::no && plugin.debugger.has_live_process()) {
      plugin.session.on_modules_changed();
    }
  });
}

void on_breakpoints_changed() {
  if (the_plugin != nullptr && the_plugin->debugger.handles_event()) {
    return;  // GDB looks its breakpoints up again for what we are about to do
  }
  guarded([](Plugin& plugin) {
    if (plugin.session.tracing() == Tracing::yes && plugin.debugger.is_current_inferior()) {
      plugin.session.on_breakpoints_changed();
    }
  });
}

void on_signal_stop(const std::string& signal) {
  guarded([&signal](Plugin& plugin) {
    if (plugin.session.tracing() == Tracing::yes && plugin.debugger.is_current_inferior()) {
      plugin.session.on_signal_stop(signal);
    }
  });
}

void on_process_gone(int inferior) {
  guarded([inferior](Plugin& plugin) {
    if (inferior == plugin.debugger.inferior_number()) {
      plugin.session.on_process_gone();
    }
  });
}

std::pair<bool, std::string> run(const std::vector<std::string>& words) {
  try {
    the_plugin->debugger.begin_command();
    the_plugin->debugger.forget_stale_symbols();
    auto result = run_command(the_plugin->session, words);
    return result ? std::pair(false, std::move(*result)) : std::pair(true, "memsnap: " + result.error().message);
  } catch (const std::exception& error) {
    PyErr_Clear();
    return {true, std::string("memsnap: internal error: ") + error.what()};
  }
}

// For `import memsnap`: the kind of answer, and the answer.
std::pair<py::bytes, py::bytes> call(const std::vector<std::string>& words) {
  ScriptAnswer answer;
  try {
    the_plugin->debugger.begin_command();
    the_plugin->debugger.forget_stale_symbols();
    answer = the_plugin->scripts.call(words);
  } catch (const std::exception& error) {
    answer = {"failed", error.what()};
  }
  PyErr_Clear();
  return {py::bytes(answer.kind.data(), answer.kind.size()), py::bytes(answer.text)};
}

// For conditions: a number, or what is wrong.
template <typename Measure>
std::pair<bool, py::object> measured(Measure measure) {
  try {
    the_plugin->debugger.begin_command();
    const auto value = measure(the_plugin->session);
    return value ? std::pair<bool, py::object>(false, py::int_(*value))
                 : std::pair<bool, py::object>(true, py::str("memsnap: " + value.error().message));
  } catch (const std::exception& error) {
    PyErr_Clear();
    return {true, py::str(std::string("memsnap: internal error: ") + error.what())};
  }
}

std::optional<int> take_exit_status() { return the_plugin->session.take_exit_status(); }

std::vector<std::string> complete(const std::vector<std::string>& words) {
  try {
    return complete_command(the_plugin->session, words);
  } catch (...) {
    PyErr_Clear();
    return {};
  }
}

std::vector<std::pair<std::string, std::string>> commands() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& command : command_table()) {
    all.emplace_back(command.name, help_text(command));
  }
  return all;
}

}  // namespace
}  // namespace memsnap

PYBIND11_MODULE(_memsnap, module) {
  using namespace memsnap;
  module.def("connect", [](py::module_ gdb, py::object breakpoint_class) {
    the_plugin = new Plugin(std::move(gdb), std::move(breakpoint_class));
  });
  module.def("commands", &commands);
  module.def("overview", &help_overview);
  module.def("run", &run);
  module.def("call", &call);
  module.def("take_exit_status", &take_exit_status);
  module.def("live_size", [] { return measured(&live_size); });
  module.def("live_count", [] { return measured(&live_count); });
  module.def("live_size_at", [](const std::string& site) {
    return measured([&site](Session& session) { return live_size_at(session, site); });
  });
  module.def("complete", &complete);
  module.def("take_frame_to_show", [] { return the_plugin->debugger.take_frame_to_show(); });
  module.attr("GO_ON") = static_cast<int>(AfterHit::go_on);
  module.attr("STOP_QUIETLY") = static_cast<int>(AfterHit::stop_quietly);
  module.def("on_breakpoint", &on_breakpoint);
  module.def("on_breakpoints_changed", &on_breakpoints_changed);
  module.def("on_modules_changed", &on_modules_changed);
  module.def("on_process_gone", &on_process_gone);
  module.def("on_signal_stop", &on_signal_stop);
}
