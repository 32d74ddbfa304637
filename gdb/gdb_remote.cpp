// The part of the port for a process that a server runs.

#include <pybind11/pybind11.h>

#include <algorithm>

#include "gdb/gdb_debugger.h"
#include "gdb/remote_call.h"

namespace py = pybind11;

namespace memsnap {

// A remote process may have a number that stands for another one here.
bool GdbDebugger::is_on_this_machine() {
  const auto type = connection_type();
  return (type == "remote" || type == "extended-remote") && is_local_process(pid_, *this);
}

// What a server has to be like for code to be put into a process of its.
std::string GdbDebugger::server_obstacle() {
  // An emulator does not run what is in the process' memory.
  if (local_relative(pid_, "TracerPid") == 0) {
    return "the server that runs the process does not trace it";
  }
  // A thread's step is answered at once, and its end told of later: not what we wait for.
  try {
    const auto shown = execute("maintenance show target-non-stop") + execute("show non-stop");
    const auto is_off = [&](std::string_view line) { return line.find("off") != std::string_view::npos; };
    const auto lines = shown.find('\n');
    if (!is_off(std::string_view(shown).substr(0, lines)) || !is_off(std::string_view(shown).substr(lines))) {
      return "the server stops threads one by one (non-stop)";
    }
  } catch (const py::error_already_set&) {
    return "the server cannot be asked how it stops threads";
  }
  return {};
}

Result<std::int64_t> GdbDebugger::call_through_server(Address instruction, const SystemCall& call) {
  std::vector<pid_t> threads;
  if (const py::object selected = gdb_.attr("selected_thread")(); !selected.is_none()) {
    const py::tuple ptid = selected.attr("ptid");
    if (ptid[0].cast<int>() == pid_) {
      threads.push_back(ptid[1].cast<pid_t>());
    }
  }
  for (const auto id : local_threads(pid_)) {
    threads.push_back(static_cast<pid_t>(id));
  }
  // Those that no signal waits for first.
  std::ranges::stable_partition(
      threads, [](pid_t id) { return local_waiting_signals(OsThreadId{static_cast<std::uint64_t>(id)}) == 0; });
  RemoteServer server(gdb_, inferior().attr("connection"), register_places_);
  Result<std::int64_t> result = fail(Code::debugger, "no thread is stopped that could make a call in the process");
  for (const auto thread : threads) {
    result = call_in_remote_thread(server, pid_, thread, instruction, call);
    if (result) {
      break;
    }
  }
  return result;
}

std::optional<NativeRegisters> GdbDebugger::read_through_server(pid_t thread) {
  if (local_pid_ == 0) {
    return std::nullopt;
  }
  RemoteServer server(gdb_, inferior().attr("connection"), register_places_);
  return read_remote_registers(server, pid_, thread);
}

}  // namespace memsnap
