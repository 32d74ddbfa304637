// The part of the port that puts code into the process.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "core/elf/elf_file.h"
#include "lldb/debug_server.h"
#include "lldb/injected_call.h"
#include "lldb/lldb_debugger.h"

namespace memsnap {

// The process' number where it is one of this machine, else 0.
pid_t LldbDebugger::local_pid() {
  if (process_id_ == 0) {
    accept_process();
  }
  return local_ ? pid_ : 0;
}

std::string LldbDebugger::injection_obstacle() {
  const auto pid = local_pid();
  return pid != 0 ? local_injection_obstacle(pid)
                  : "the process does not run on this machine, or cannot be looked at here";
}

std::vector<MemoryRegion> LldbDebugger::regions() {
  return is_core(target()) ? core_file_regions() : local_regions(local_pid());
}

Result<std::int64_t> LldbDebugger::system_call(const SystemCall& call) {
  const auto pid = local_pid();
  if (pid == 0) {
    return fail(Code::unsupported, injection_obstacle());
  }
  if (const auto obstacle = local_system_call_obstacle(pid); !obstacle.empty()) {
    return fail(Code::unsupported, obstacle);
  }
  const auto instruction = find_system_call(local_mappings(pid), memory());
  if (!instruction) {
    return fail(Code::unsupported, "the process has no instruction to call the kernel with");
  }
  return call_in_process(debugger_, process(), *instruction, call);
}

Result<void> LldbDebugger::write(Address address, std::span<const std::byte> bytes) {
  if (!local_modules_.is_writable_code({address, address + bytes.size()})) {
    const auto done = local_memory_.write(address, bytes);
    bytes = bytes.subspan(done);
    address = address + done;
  }
  if (!bytes.empty() && !write_below_breakpoints(address, bytes)) {
    return fail(Code::unmapped, fmt::format("nothing can be written at {:#x}", address.value), address);
  }
  return {};
}

// Where LLDB's server sets the breakpoints, LLDB writes over them. So they are taken out meanwhile, without a word to
// LLDB, which would tell others of it.
bool LldbDebugger::write_below_breakpoints(Address address, std::span<const std::byte> bytes) {
  const auto addresses = breakpoint_locations({address, address + bytes.size()}, true);
  if (addresses.empty()) {
    return write_words(address, bytes);
  }
  DebugServer server(debugger_, process());
  std::vector<Address> taken;
  std::ranges::copy_if(addresses, std::back_inserter(taken),
                       [&server](Address each) { return server.send(fmt::format("z0,{:x},1", each.value)) == "OK"; });
  const bool is_written = write_words(address, bytes);
  for (const auto each : taken) {
    server.send(fmt::format("Z0,{:x},1", each.value));
  }
  return is_written;
}

// LLDB's server writes words, from the first byte on, and fails where the last one would reach past what is mapped. So
// it is given whole ones: the last is made up with bytes that come before it.
bool LldbDebugger::write_words(Address address, std::span<const std::byte> bytes) {
  // Larger ones LLDB cuts itself, not at words.
  constexpr std::size_t kLargest = std::size_t{1} << 15;
  auto current = process();
  lldb::SBError error;
  const auto write = [&](Address to, const void* from, std::size_t size) {
    return current.WriteMemory(to.value, from, size, error) == size && error.Success();
  };
  if (bytes.size() < kWord) {
    std::array<std::byte, kWord> word{};
    const auto before = kWord - bytes.size();
    if (current.ReadMemory((address - before).value, word.data(), before, error) != before) {
      return write(address, bytes.data(), bytes.size());
    }
    std::ranges::copy(bytes, word.begin() + static_cast<std::ptrdiff_t>(before));
    return write(address - before, word.data(), word.size());
  }
  const auto end = bytes.size() / kWord * kWord;
  for (std::size_t at = 0; at < end; at += kLargest) {
    if (!write(address + at, bytes.data() + at, std::min(kLargest, end - at))) {
      return false;
    }
  }
  const auto last = bytes.size() - kWord;
  return end == bytes.size() || write(address + last, bytes.data() + last, kWord);
}

std::vector<OsThreadId> LldbDebugger::threads() {
  auto current = process();
  std::vector<OsThreadId> ids;
  for (std::uint32_t i = 0; i < current.GetNumThreads(); ++i) {
    ids.push_back(OsThreadId{current.GetThreadAtIndex(i).GetThreadID()});
  }
  return ids;
}

std::optional<std::uint64_t> LldbDebugger::read_register(OsThreadId thread, Register which) {
  auto found = process().GetThreadByID(static_cast<lldb::tid_t>(thread));
  return found.IsValid() ? Thread(found, stop_frame_).read(which) : std::nullopt;
}

std::optional<Address> LldbDebugger::thread_pointer(OsThreadId thread) {
  // LLDB 14 does not know it.
  auto value = process().GetThreadByID(static_cast<lldb::tid_t>(thread)).GetFrameAtIndex(0).FindRegister("fs_base");
  lldb::SBError error;
  const auto number = value.GetValueAsUnsigned(error);
  return value.IsValid() && error.Success() ? std::optional(Address{number}) : std::nullopt;
}

Result<void> LldbDebugger::set_pc(OsThreadId thread, Address pc) {
  auto found = process().GetThreadByID(static_cast<lldb::tid_t>(thread));
  if (!found.IsValid() || !found.GetFrameAtIndex(0).SetPC(pc.value)) {
    return fail(Code::debugger, fmt::format("thread {} cannot be moved", static_cast<std::uint64_t>(thread)));
  }
  return {};
}

std::vector<Address> LldbDebugger::user_breakpoints(AddressRange range) { return breakpoint_locations(range, false); }

// Where enabled breakpoints are, ascending.
std::vector<Address> LldbDebugger::breakpoint_locations(AddressRange range, bool with_ours) {
  std::vector<Address> addresses;
  auto current = target();
  for (std::uint32_t i = 0; i < current.GetNumBreakpoints(); ++i) {
    auto breakpoint = current.GetBreakpointAtIndex(i);
    if (!breakpoint.IsEnabled() || (!with_ours && breakpoint.MatchesName(kBreakpointName))) {
      continue;
    }
    for (std::size_t k = 0; k < breakpoint.GetNumLocations(); ++k) {
      auto location = breakpoint.GetLocationAtIndex(static_cast<std::uint32_t>(k));
      const Address address{location.GetLoadAddress()};
      if (location.IsEnabled() && range.contains(address)) {
        addresses.push_back(address);
      }
    }
  }
  std::ranges::sort(addresses);
  const auto twice = std::ranges::unique(addresses);
  addresses.erase(twice.begin(), twice.end());
  return addresses;
}

Result<void> LldbDebugger::add_symbols(const std::string& path, Address base) {
  const auto file = ElfFile::open(path);
  if (!file) {
    return std::unexpected(file.error());
  }
  auto module = target().AddModule(path.c_str(), nullptr, nullptr);
  if (!module.IsValid()) {
    return fail(Code::debugger, fmt::format("the debugger does not take the symbols of {}", path));
  }
  symbol_modules_.push_back(module);
  const auto offset = static_cast<std::int64_t>(base.value - file->first_page());
  if (const auto loaded = target().SetModuleLoadAddress(module, offset); loaded.Fail()) {
    return fail(Code::debugger, fmt::format("the debugger does not take the symbols of {}: {}", path,
                                            loaded.GetCString() == nullptr ? "" : loaded.GetCString()));
  }
  read_frames();
  return {};
}

// LLDB has dropped all registers for the new module. Its event thread, which looks at a frame once more when a callback
// has let the process go on (LLDB 22), would have to stop it to read them, and then loses breakpoints.
void LldbDebugger::read_frames() {
  auto current = process();
  for (std::uint32_t i = 0; i < current.GetNumThreads(); ++i) {
    auto frame = current.GetThreadAtIndex(i).GetFrameAtIndex(0);
    static_cast<void>(frame.GetPC());
    static_cast<void>(frame.GetSP());
    static_cast<void>(frame.GetFP());
  }
}

void LldbDebugger::forget_symbols() {
  for (auto& module : symbol_modules_) {
    target().ClearModuleLoadAddress(module);
    target().RemoveModule(module);
  }
  symbol_modules_.clear();
}

}  // namespace memsnap
