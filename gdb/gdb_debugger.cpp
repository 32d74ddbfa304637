#include "gdb/gdb_debugger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "gdb/native_registers.h"
#include "gdb/source_paths.h"
#include "plugin/progress.h"

namespace py = pybind11;

namespace memsnap {
namespace {

// Files that GDB reads through a server have this in front.
std::string local_path(const std::string& path) {
  constexpr std::string_view kTarget = "target:";
  return path.starts_with(kTarget) ? path.substr(kTarget.size()) : path;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

GdbDebugger::GdbDebugger(py::module_ gdb, py::object breakpoint_class)
    : gdb_(std::move(gdb)), breakpoint_class_(std::move(breakpoint_class)) {}

py::object GdbDebugger::inferior() {
  for (const auto each : gdb_.attr("inferiors")()) {
    if (each.attr("num").cast<int>() == inferior_number_) {
      return py::reinterpret_borrow<py::object>(each);
    }
  }
  return gdb_.attr("selected_inferior")();
}

void GdbDebugger::choose_inferior() {
  const auto current = gdb_.attr("selected_inferior")();
  inferior_number_ = current.attr("num").cast<int>();
  pid_ = current.attr("pid").cast<int>();
  native_ = connection_type() == "native";
  local_memory_.set_pid(0);
  local_pid_ = native_ || is_on_this_machine() ? pid_ : 0;
  local_memory_.set_pid(local_pid_);
  register_places_.clear();
}

bool GdbDebugger::is_current_inferior() {
  return gdb_.attr("selected_inferior")().attr("num").cast<int>() == inferior_number_;
}

bool GdbDebugger::has_live_process() {
  const auto current = gdb_.attr("selected_inferior")();
  const bool is_ours = inferior_number_ == 0 || current.attr("num").cast<int>() == inferior_number_;
  return is_ours && current.attr("pid").cast<int>() != 0 && !is_core(current);
}

// Empty where there is no process.
std::string GdbDebugger::connection_type() {
  const auto connection = inferior().attr("connection");
  return connection.is_none() ? std::string() : connection.attr("type").cast<std::string>();
}

InferiorState GdbDebugger::state() {
  const auto current = gdb_.attr("selected_inferior")();
  if (is_core(current)) {
    return InferiorState::core;
  }
  if (current.attr("pid").cast<int>() == 0 || current.attr("connection").is_none()) {
    return InferiorState::none;
  }
  for (const auto thread : current.attr("threads")()) {
    if (thread.attr("is_running")().cast<bool>()) {
      return is_handling_stop() ? InferiorState::stopped : InferiorState::running;
    }
  }
  return InferiorState::stopped;
}

// While GDB evaluates the condition of a breakpoint, it has all threads for running ones; its kernel does not.
bool GdbDebugger::is_handling_stop() {
  const py::object selected = gdb_.attr("selected_thread")();
  if (!native_ || selected.is_none()) {
    return false;
  }
  const py::tuple ptid = selected.attr("ptid");
  return ptid[0].cast<int>() == pid_ && local_is_traced_stop(OsThreadId{ptid[1].cast<std::uint64_t>()});
}

bool GdbDebugger::was_launched() { return !inferior().attr("was_attached").cast<bool>(); }

bool GdbDebugger::saw_start() { return connection_type() == "native" && was_launched(); }

// Asked at each command too, which the user may give while another inferior is selected than ours.
std::string GdbDebugger::program_instance() {
  const auto known = inferior();
  const bool is_ours = known.attr("num").cast<int>() == inferior_number_;
  if (!is_ours || pid_ == 0 || known.attr("pid").cast<int>() != pid_) {
    choose_inferior();
  }
  if (is_core(inferior())) {
    return core_instance();
  }
  return local_pid_ != 0 ? local_program_instance(pid_, *this) : std::string();
}

std::vector<MappedModule> GdbDebugger::modules() {
  choose_inferior();
  auto modules = is_core(inferior()) ? core_file_modules()
                 : local_pid_ != 0   ? local_modules_.read(pid_)
                                     : std::vector<MappedModule>();
  for (const auto objfile : gdb_.attr("objfiles")()) {
    const auto owner = objfile.attr("owner");
    if (owner.is_none()) {
      continue;
    }
    const auto path = local_path(owner.attr("filename").cast<std::string>());
    const auto found = std::ranges::find(modules, path, [](const MappedModule& each) { return each.module.path; });
    if (found != modules.end()) {
      found->module.debug_file = local_path(objfile.attr("filename").cast<std::string>());
    }
  }
  return modules;
}

std::uint64_t GdbDebugger::read_frame_register(const py::object& frame, Register which) {
  const auto value = frame.attr("read_register")(to_string(which));
  // rsp and rbp are typed as pointers and others as signed numbers.
  return py::int_(value).attr("__and__")(~std::uint64_t{0}).cast<std::uint64_t>();
}

std::size_t GdbDebugger::read(Address address, std::span<std::byte> into) {
  if (const auto got = local_memory_.read(address, into); got > 0) {
    return got;
  }
  if (const auto got = read_through_debugger(address, into); got > 0) {
    return got;
  }
  // GDB gives all or nothing.
  std::size_t done = 0;
  while (done < into.size()) {
    const auto rest = into.subspan(done);
    const auto size = std::min<std::size_t>(rest.size(), kPage - (address.value + done) % kPage);
    if (size == into.size() || read_through_debugger(address + done, rest.first(size)) != size) {
      break;
    }
    done += size;
  }
  return done;
}

std::size_t GdbDebugger::read_through_debugger(Address address, std::span<std::byte> into) {
  try {
    const py::buffer bytes = inferior().attr("read_memory")(address.value, into.size());
    const auto view = bytes.request();
    const auto size = std::min(into.size(), static_cast<std::size_t>(view.size));
    std::memcpy(into.data(), view.ptr, size);
    return size;
  } catch (const py::error_already_set&) {
    return 0;
  }
}

Result<BreakpointId> GdbDebugger::set_breakpoint(Address address) {
  try {
    const BreakpointId id{next_breakpoint_++};
    breakpoints_.emplace(id, breakpoint_class_(address.value));
    return id;
  } catch (const py::error_already_set& error) {
    return fail(Code::debugger, fmt::format("no breakpoint at {:#x}: {}", address.value,
                                            first_line(py::str(error.value()).cast<std::string>())));
  }
}

void GdbDebugger::remove_breakpoints(std::span<const BreakpointId> ids) {
  for (const auto id : ids) {
    const auto found = breakpoints_.find(id);
    if (found == breakpoints_.end()) {
      continue;
    }
    try {
      if (found->second.attr("is_valid")().cast<bool>()) {
        found->second.attr("delete")();
      }
    } catch (const py::error_already_set&) {
      // It is gone, or goes with the process: nothing of it is left in memory either way.
    }
    breakpoints_.erase(found);
  }
}

// GDB's own events tell of modules; they are connected for the plugin's life, and the session ignores what it does not
// want.
Result<void> GdbDebugger::watch_modules(bool on) {
  if (on) {
    choose_inferior();
  }
  return {};
}

ThreadLabel GdbDebugger::thread_label(OsThreadId id) {
  for (const auto thread : inferior().attr("threads")()) {
    const py::tuple ptid = thread.attr("ptid");
    if (ptid[1].cast<std::uint64_t>() == static_cast<std::uint64_t>(id)) {
      const auto known = thread.attr("name");
      const auto name = local_pid_ != 0   ? local_thread_name(pid_, id)
                        : known.is_none() ? std::string()
                                          : py::str(known).cast<std::string>();
      return {thread.attr("num").cast<std::uint32_t>(), name};
    }
  }
  return {};
}

std::string GdbDebugger::source_path(const std::string& path) {
  try {
    const auto show = [this](const char* setting) {
      return gdb_.attr("execute")(fmt::format("show {}", setting), false, true).cast<std::string>();
    };
    return find_source(path, parse_substitutions(show("substitute-path")), parse_directories(show("directories")));
  } catch (const py::error_already_set&) {
    return path;
  }
}

bool GdbDebugger::interrupted() {
  // Python tells it once.
  if (PyErr_CheckSignals() != 0) {
    PyErr_Clear();
    was_interrupted_ = true;
  }
  return was_interrupted_;
}

void GdbDebugger::tell(const std::string& text) {
  try {
    gdb_.attr("write")(text);
  } catch (const py::error_already_set&) {
    // Nobody to tell it to.
  }
}

void GdbDebugger::show_progress(const std::string& line) { write_passing_line(line); }

GdbDebugger::Thread::Thread(GdbDebugger& debugger, Address breakpoint) : debugger_(debugger) {
  const py::tuple ptid = debugger.gdb_.attr("selected_thread")().attr("ptid");
  id_ = OsThreadId{ptid[1].cast<std::uint64_t>()};
  if (debugger.native_) {
    read_natively(breakpoint);
  }
}

// GDB itself traces a native inferior, from this thread: the kernel answers us as well. Through GDB's frames the same
// costs 50 us, a fifth of a whole stop.
void GdbDebugger::Thread::read_natively(Address breakpoint) {
  const auto registers = read_native_registers(static_cast<pid_t>(id_));
  // After the trap, until GDB has set it back, rip is one further. Anything else is not the stop that we were told of.
  const auto rip = registers ? registers->general.get(Register::rip) : std::nullopt;
  if (rip != breakpoint.value && rip != breakpoint.value + 1) {
    return;
  }
  is_native_ = true;
  registers_ = registers->general;
  registers_.set(Register::rip, breakpoint.value);
}

std::optional<std::uint64_t> GdbDebugger::Thread::read(Register which) {
  if (is_native_) {
    return registers_.get(which);
  }
  try {
    if (!frame_) {
      frame_ = debugger_.gdb_.attr("newest_frame")();
    }
    return read_frame_register(frame_, which);
  } catch (const py::error_already_set&) {
    return std::nullopt;
  }
}

std::vector<Address> GdbDebugger::Thread::unwind(std::size_t limit) {
  std::vector<Address> pcs;
  try {
    const auto inline_frame = debugger_.gdb_.attr("INLINE_FRAME").cast<int>();
    auto frame = debugger_.gdb_.attr("newest_frame")();
    while (!frame.is_none() && pcs.size() < limit) {
      if (frame.attr("type")().cast<int>() != inline_frame) {
        pcs.push_back({frame.attr("pc")().cast<std::uint64_t>()});
      }
      frame = frame.attr("older")();
    }
  } catch (const py::error_already_set&) {
    // A stack that ends in a failure ends there.
  }
  return pcs;
}

}  // namespace memsnap
