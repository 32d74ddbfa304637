// The part of the port that puts code into the process.

#include <fmt/format.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>

#include "core/elf/elf_file.h"
#include "gdb/gdb_debugger.h"
#include "gdb/injected_call.h"
#include "gdb/native_registers.h"
#include "gdb/selection.h"

namespace py = pybind11;

namespace memsnap {
namespace {

std::unexpected<Error> refused(const std::string& what, const py::error_already_set& error) {
  const auto words = py::str(error.value()).cast<std::string>();
  return fail(Code::debugger, fmt::format("{}: {}", what, words.substr(0, words.find('\n'))));
}

constexpr const char* kNotLocal = "the process does not run on this machine, or cannot be looked at here";

// As a word of a command.
std::string quoted(const std::string& path) {
  std::string word = "\"";
  for (const auto each : path) {
    if (each == '"' || each == '\\') {
      word += '\\';
    }
    word += each;
  }
  return word + '"';
}

bool is_none(const py::object& object) { return !object || object.is_none(); }

// Addresses in what `info breakpoints` prints, of what is enabled: ... y   0x0000000000401136 ...
std::vector<Address> enabled_addresses(const std::string& shown) {
  std::vector<Address> addresses;
  std::istringstream words(shown);
  std::string before;
  for (std::string word; words >> word; before = word) {
    if (before == "y" && word.starts_with("0x")) {
      addresses.push_back({std::stoull(word, nullptr, 16)});
    }
  }
  return addresses;
}

}  // namespace

std::string GdbDebugger::execute(const std::string& command) {
  return gdb_.attr("execute")(command, false, true).cast<std::string>();
}

py::object GdbDebugger::find_thread(OsThreadId id) {
  for (const auto thread : inferior().attr("threads")()) {
    const py::tuple ptid = thread.attr("ptid");
    if (ptid[1].cast<std::uint64_t>() == static_cast<std::uint64_t>(id)) {
      return py::reinterpret_borrow<py::object>(thread);
    }
  }
  return py::none();
}

std::string GdbDebugger::injection_obstacle() {
  if (local_pid_ == 0) {
    return kNotLocal;
  }
  if (auto obstacle = native_ ? std::string() : server_obstacle(); !obstacle.empty()) {
    return obstacle;
  }
  return local_injection_obstacle(pid_);
}

std::vector<MemoryRegion> GdbDebugger::regions() {
  if (is_core(inferior())) {
    return core_file_regions();
  }
  return local_pid_ != 0 ? local_regions(pid_) : std::vector<MemoryRegion>();
}

// Threads whose stop GDB has seen. While it handles an event, that is the event's thread, which it has selected: others
// may be stopped too, but with a stop that GDB has yet to be told of.
std::vector<pid_t> GdbDebugger::callable_threads() {
  std::vector<pid_t> threads;
  const auto add = [&](py::handle thread) {
    const py::tuple ptid = thread.attr("ptid");
    if (ptid[0].cast<int>() == pid_) {
      threads.push_back(ptid[1].cast<pid_t>());
    }
  };
  if (const py::object selected = gdb_.attr("selected_thread")(); !is_none(selected)) {
    add(selected);
  }
  for (const auto thread : inferior().attr("threads")()) {
    if (thread.attr("is_stopped")().cast<bool>()) {
      add(thread);
    }
  }
  return threads;
}

Result<std::int64_t> GdbDebugger::call_kernel(Address instruction, const SystemCall& call) {
  if (!native_) {
    return call_through_server(instruction, call);
  }
  Result<std::int64_t> result = fail(Code::debugger, "no thread is stopped that could make a call in the process");
  for (const auto thread : callable_threads()) {
    result = call_in_thread(pid_, thread, instruction, call);
    if (result) {
      break;
    }
  }
  return result;
}

Result<std::int64_t> GdbDebugger::system_call(const SystemCall& call) {
  if (local_pid_ == 0) {
    return fail(Code::unsupported, injection_obstacle());
  }
  if (const auto obstacle = local_system_call_obstacle(pid_); !obstacle.empty()) {
    return fail(Code::unsupported, obstacle);
  }
  const auto instruction = find_system_call(local_mappings(pid_), memory());
  if (!instruction) {
    return fail(Code::unsupported, "the process has no instruction to call the kernel with");
  }
  try {
    return call_kernel(*instruction, call);
  } catch (const py::error_already_set& error) {
    return refused("the process cannot be made to call the kernel", error);
  }
}

Result<void> GdbDebugger::write(Address address, std::span<const std::byte> bytes) {
  if (!local_modules_.is_writable_code({address, address + bytes.size()})) {
    const auto done = local_memory_.write(address, bytes);
    bytes = bytes.subspan(done);
    address = address + done;
  }
  if (bytes.empty()) {
    return {};
  }
  try {
    inferior().attr("write_memory")(address.value,
                                    py::memoryview::from_memory(bytes.data(), static_cast<py::ssize_t>(bytes.size())));
    return {};
  } catch (const py::error_already_set&) {
    return fail(Code::unmapped, fmt::format("nothing can be written at {:#x}", address.value), address);
  }
}

std::vector<OsThreadId> GdbDebugger::threads() { return local_pid_ != 0 ? local_threads(pid_) : core_file_threads(); }

std::optional<NativeRegisters> GdbDebugger::read_registers(OsThreadId thread) {
  const auto id = static_cast<pid_t>(thread);
  return native_ ? read_native_registers(id) : read_through_server(id);
}

std::optional<std::uint64_t> GdbDebugger::read_register(OsThreadId thread, Register which) {
  if (is_core(inferior())) {
    return core_file_register(thread, which);
  }
  const auto registers = read_registers(thread);
  return registers ? registers->general.get(which) : std::nullopt;
}

std::optional<Address> GdbDebugger::thread_pointer(OsThreadId thread) {
  const auto registers = read_registers(thread);
  return registers ? std::optional(registers->thread_pointer) : std::nullopt;
}

Result<void> GdbDebugger::set_pc(OsThreadId thread, Address pc) {
  const auto what = fmt::format("thread {} cannot be moved", static_cast<std::uint64_t>(thread));
  try {
    const auto found = find_thread(thread);
    if (found.is_none()) {
      return fail(Code::not_found, fmt::format("{}: it has gone", what));
    }
    const Selection selection(gdb_);
    found.attr("switch")();
    // Assignment is written in another way in some languages.
    execute(fmt::format("with language c -- set variable $pc = {:#x}", pc.value));
    return {};
  } catch (const py::error_already_set& error) {
    return refused(what, error);
  }
}

std::vector<Address> GdbDebugger::user_breakpoints(AddressRange range) {
  std::vector<Address> addresses;
  try {
    for (const auto breakpoint : gdb_.attr("breakpoints")()) {
      // GDB's own and ours have negative numbers.
      if (breakpoint.attr("number").cast<int>() < 0 || !breakpoint.attr("enabled").cast<bool>()) {
        continue;
      }
      if (!py::hasattr(breakpoint, "locations")) {  // GDB before 13
        addresses = enabled_addresses(execute("info breakpoints"));
        break;
      }
      for (const auto location : breakpoint.attr("locations")) {
        if (location.attr("enabled").cast<bool>()) {
          addresses.push_back({location.attr("address").cast<std::uint64_t>()});
        }
      }
    }
  } catch (const py::error_already_set&) {
    // What was found so far.
  }
  std::erase_if(addresses, [range](Address address) { return !range.contains(address); });
  std::ranges::sort(addresses);
  const auto twice = std::ranges::unique(addresses);
  addresses.erase(twice.begin(), twice.end());
  return addresses;
}

void GdbDebugger::change_symbols(const std::string& command) {
  is_changing_symbols_ = true;
  try {
    execute(command);
  } catch (...) {
    is_changing_symbols_ = false;
    throw;
  }
  is_changing_symbols_ = false;
}

Result<void> GdbDebugger::add_symbols(const std::string& path, Address base) {
  const auto file = ElfFile::open(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  // Under the name that GDB comes to know it by, which is what it is taken away by.
  std::error_code failed;
  const auto name = std::filesystem::canonical(path, failed).string();
  try {
    change_symbols(fmt::format("add-symbol-file {} -o {:#x}", quoted(name), base.value - file->first_page()));
    symbol_files_.push_back(name);
    return {};
  } catch (const py::error_already_set& error) {
    return refused("the debugger does not take the symbols", error);
  }
}

void GdbDebugger::forget_symbols() {
  for (auto& name : std::exchange(symbol_files_, {})) {
    stale_symbol_files_.push_back(std::move(name));
  }
  if (!handles_event_) {
    forget_stale_symbols();
  }
}

void GdbDebugger::forget_stale_symbols() {
  for (const auto& name : std::exchange(stale_symbol_files_, {})) {
    try {
      change_symbols(fmt::format("remove-symbol-file {}", quoted(name)));
    } catch (const py::error_already_set&) {
      // The user took it away already.
    }
  }
}

}  // namespace memsnap
