// The port's functions, and how a process comes and goes.

#include "tests/recorder/ptrace_debugger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "core/elf/elf_file.h"

namespace memsnap::test {
namespace {

constexpr int kOptions =
    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE;

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

std::string to_string(const Stop& stop) {
  switch (stop.kind) {
    case Stop::Kind::reached:
      return fmt::format("thread {} is at {:#x}", static_cast<std::uint64_t>(stop.thread), stop.pc.value);
    case Stop::Kind::signal:
      return fmt::format("signal {} in thread {} at {:#x}", stop.value, static_cast<std::uint64_t>(stop.thread),
                         stop.pc.value);
    case Stop::Kind::forked:
      return fmt::format("thread {} forked", static_cast<std::uint64_t>(stop.thread));
    case Stop::Kind::execed:
      return "it called exec";
    case Stop::Kind::exited:
      return fmt::format("it exited with {}", stop.value);
    case Stop::Kind::killed:
      break;
  }
  return fmt::format("signal {} killed it", stop.value);
}

PtraceDebugger::~PtraceDebugger() {
  events_ = nullptr;
  try {
    for (const auto child : kept_children_) {
      ::kill(child, SIGKILL);
    }
    if (pid_ != 0 && is_own_) {
      kill();
    } else if (pid_ != 0) {
      detach();
    }
  } catch (const std::exception&) {
    // What is left is killed by the kernel with this program.
  }
}

void PtraceDebugger::launch(const std::string& program, const std::vector<std::string>& arguments,
                            const std::vector<std::string>& environment) {
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto variables = environment;
  const auto argv = pointers(words);
  const auto envp = pointers(variables);
  std::array<int, 2> gate{};
  if (pipe2(gate.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  const auto child = fork();
  if (child == 0) {
    // Waits until it is traced.
    char byte = 0;
    if (read(gate[0], &byte, 1) == 1) {
      execve(program.c_str(), argv.data(), envp.data());
    }
    _exit(127);
  }
  Tracee::seize(child, kOptions | PTRACE_O_EXITKILL);
  static_cast<void>(::write(gate[1], "x", 1));
  close(gate[0]);
  close(gate[1]);
  if (const auto status = wait_for(child); status.is_end() || status.event() != PTRACE_EVENT_EXEC) {
    throw std::runtime_error("cannot start " + program);
  }
  pid_ = child;
  was_launched_ = true;
  is_own_ = true;
  raw_.set_pid(child);
  leave_exec(add_thread(child));
  trap_loader();
  tell_modules_changed();
}

void PtraceDebugger::attach(pid_t pid) {
  pid_ = pid;
  was_launched_ = false;
  is_own_ = false;
  raw_.set_pid(pid);
  // Threads that are running start others.
  for (bool is_new = true; is_new;) {
    is_new = false;
    for (const auto id : local_threads(pid)) {
      const auto tid = static_cast<pid_t>(id);
      if (!tracees_.contains(tid) && Tracee::seize(tid, kOptions)) {
        is_new = true;
        add_thread(tid).is_running = true;
      }
    }
  }
  if (stop_all() || tracees_.empty()) {
    throw std::runtime_error("the process to attach to is gone");
  }
  trap_loader();
  tell_modules_changed();
}

void PtraceDebugger::adopt(pid_t child) {
  pid_ = child;
  was_launched_ = false;
  is_own_ = true;
  raw_.set_pid(child);
  add_thread(child);
  trap_loader();
  tell_modules_changed();
}

pid_t PtraceDebugger::take_child() {
  if (kept_children_.empty()) {
    return 0;
  }
  const auto child = kept_children_.front();
  kept_children_.erase(kept_children_.begin());
  return child;
}

void PtraceDebugger::detach() {
  if (events_ != nullptr) {
    events_->on_process_gone();
  }
  take_traps_out(pid_);
  for (auto& [tid, thread] : tracees_) {
    for (const auto signal : thread.delayed) {
      tgkill(pid_, tid, signal);
    }
    thread.detach();
  }
  forget_process();
}

void PtraceDebugger::kill() {
  ::kill(pid_, SIGKILL);
  while (pid_ != 0) {
    std::set<pid_t> all;
    for (const auto& [tid, thread] : tracees_) {
      all.insert(tid);
    }
    const auto [tid, status] = wait_for_any(all);
    if (status.is_end()) {
      handle_end(tid, status);
    }
  }
}

void PtraceDebugger::forget_process() {
  pid_ = 0;
  raw_.set_pid(0);
  tracees_.clear();
  traps_.clear();
  breakpoints_.clear();
  wanted_.clear();
  loader_.clear();
}

Tracee& PtraceDebugger::add_thread(pid_t tid) {
  auto& thread = tracees_[tid];
  thread.tid = tid;
  thread.number = ++last_number_;
  return thread;
}

void PtraceDebugger::tell_modules_changed() {
  if (is_watching_ && events_ != nullptr) {
    events_->on_modules_changed();
  }
}

std::vector<Address> PtraceDebugger::find_functions(std::string_view name) {
  std::set<Address> found;
  for (const auto& module : modules()) {
    if (const auto file = ElfFile::open(module.module.path)) {
      file->for_each_function([&](const ElfSymbol& symbol) {
        if (symbol.name == name) {
          found.insert(Address{symbol.value + module.bias});
        }
      });
    }
  }
  return {found.begin(), found.end()};
}

Address PtraceDebugger::find_function(std::string_view name) {
  const auto found = find_functions(name);
  if (found.size() != 1) {
    throw std::runtime_error(fmt::format("{} functions are called {}", found.size(), name));
  }
  return found.front();
}

Result<BreakpointId> PtraceDebugger::set_breakpoint(Address address) {
  if (!add_trap(address)) {
    return fail(Code::debugger, fmt::format("no memory at {:#x}", address.value));
  }
  const BreakpointId id{++last_breakpoint_};
  breakpoints_.emplace(id, address);
  return id;
}

void PtraceDebugger::remove_breakpoints(std::span<const BreakpointId> ids) {
  for (const auto id : ids) {
    if (const auto found = breakpoints_.find(id); found != breakpoints_.end()) {
      remove_trap(found->second);
      breakpoints_.erase(found);
    }
  }
}

Result<void> PtraceDebugger::watch_modules(bool on) {
  is_watching_ = on;
  return {};
}

ThreadLabel PtraceDebugger::thread_label(OsThreadId id) {
  const auto found = tracees_.find(static_cast<pid_t>(id));
  return found == tracees_.end() ? ThreadLabel() : ThreadLabel{found->second.number, local_thread_name(pid_, id)};
}

std::vector<MemoryRegion> PtraceDebugger::regions() { return local_regions(pid_); }

std::vector<OsThreadId> PtraceDebugger::threads() {
  std::vector<OsThreadId> all;
  for (const auto& [tid, thread] : tracees_) {
    all.push_back(OsThreadId{static_cast<std::uint64_t>(tid)});
  }
  return all;
}

std::optional<std::uint64_t> PtraceDebugger::read_register(OsThreadId thread, Register which) {
  if (!tracees_.contains(static_cast<pid_t>(thread))) {
    return std::nullopt;
  }
  auto registers = tracee(thread).registers();
  return place_of(registers, which);
}

std::optional<Address> PtraceDebugger::thread_pointer(OsThreadId thread) {
  if (!tracees_.contains(static_cast<pid_t>(thread))) {
    return std::nullopt;
  }
  return Address{tracee(thread).registers().fs_base};
}

std::vector<Address> PtraceDebugger::user_breakpoints(AddressRange range) {
  std::vector<Address> inside;
  std::ranges::copy_if(users_own_, std::back_inserter(inside), [&](Address each) { return range.contains(each); });
  return inside;
}

Result<void> PtraceDebugger::set_pc(OsThreadId thread, Address pc) {
  auto registers = tracee(thread).registers();
  registers.rip = pc.value;
  // A system call that the stop interrupted is not to be made again there.
  registers.orig_rax = ~0ULL;
  tracee(thread).set_registers(registers);
  return {};
}

}  // namespace memsnap::test
