// What the debugger does to the process' memory: breakpoints, and writing around them.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "core/elf/elf_file.h"
#include "tests/recorder/ptrace_debugger.h"

namespace memsnap::test {
namespace {

constexpr std::byte kTrap{0xcc};

// Through this file even what the process may only execute can be written.
bool write_memory(pid_t process, Address address, std::span<const std::byte> bytes) {
  const auto file = open(fmt::format("/proc/{}/mem", process).c_str(), O_WRONLY | O_CLOEXEC);
  const auto written = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(address.value));
  close(file);
  return written == static_cast<ssize_t>(bytes.size());
}

}  // namespace

std::size_t PtraceDebugger::MaskedMemory::read(Address address, std::span<std::byte> into) {
  const auto got = debugger_.raw_.read(address, into);
  const auto& traps = debugger_.traps_;
  for (auto trap = traps.lower_bound(address); trap != traps.end() && trap->first < address + got; ++trap) {
    into[trap->first - address] = trap->second.below;
  }
  return got;
}

bool PtraceDebugger::write_raw(Address address, std::span<const std::byte> bytes) const {
  return write_memory(pid_, address, bytes);
}

Result<void> PtraceDebugger::write(Address address, std::span<const std::byte> bytes) {
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  const auto end = address + bytes.size();
  for (auto trap = traps_.lower_bound(address); trap != traps_.end() && trap->first < end; ++trap) {
    trap->second.below = std::exchange(copy[trap->first - address], traps_are_out_ ? trap->second.below : kTrap);
  }
  return write_raw(address, copy) ? Result<void>()
                                  : fail(Code::unmapped, fmt::format("no memory at {:#x}", address.value), address);
}

bool PtraceDebugger::add_trap(Address address) {
  auto& trap = traps_[address];
  if (trap.users == 0) {
    if (raw_.read(address, {&trap.below, 1}) != 1 || (!traps_are_out_ && !write_raw(address, {&kTrap, 1}))) {
      traps_.erase(address);
      return false;
    }
  }
  ++trap.users;
  return true;
}

void PtraceDebugger::remove_trap(Address address) {
  const auto found = traps_.find(address);
  if (found == traps_.end() || --found->second.users > 0) {
    return;
  }
  if (!traps_are_out_) {
    write_raw(address, {&found->second.below, 1});
  }
  traps_.erase(found);
}

void PtraceDebugger::take_traps_out(pid_t process) const {
  for (const auto& [address, trap] : traps_) {
    write_memory(process, address, {&trap.below, 1});
  }
}

void PtraceDebugger::put_traps_in() {
  traps_are_out_ = false;
  for (const auto& [address, trap] : traps_) {
    write_raw(address, {&kTrap, 1});
  }
}

void PtraceDebugger::trap_loader() {
  for (const auto& module : modules()) {
    const auto name = base_name(module.module.path);
    if (!name.starts_with("ld-") && !name.starts_with("libc.so")) {
      continue;
    }
    const auto file = ElfFile::open(module.module.path);
    if (!file) {
      continue;
    }
    std::set<Address> found;
    file->for_each_function([&](const ElfSymbol& symbol) {
      if (symbol.name == "_dl_debug_state") {
        found.insert(Address{symbol.value + module.bias});
      }
    });
    for (const auto address : found) {
      if (!loader_.contains(address) && add_trap(address)) {
        loader_.insert(address);
      }
    }
  }
}

Result<std::int64_t> PtraceDebugger::system_call(const SystemCall& call) {
  const auto instruction = find_system_call(local_mappings(pid_), masked_);
  if (!instruction) {
    return fail(Code::unsupported, "no system call instruction in the process");
  }
  auto& thread = tracees_.contains(current_) ? tracees_.at(current_) : tracees_.begin()->second;
  const auto saved = thread.registers();
  auto registers = saved;
  for (const auto& [which, value] : call.registers()) {
    place_of(registers, which) = value;
  }
  registers.rip = instruction->value;
  registers.orig_rax = ~0ULL;
  thread.set_registers(registers);
  // Where it is stopped in a system call, the first step only leaves that.
  while (thread.registers().rip == instruction->value) {
    if (step_once(thread)) {
      return fail(Code::no_process, "the process is gone");
    }
  }
  const auto result = static_cast<std::int64_t>(thread.registers().rax);
  thread.set_registers(saved);
  return result;
}

}  // namespace memsnap::test
