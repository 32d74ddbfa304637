// How the process runs, and what comes of what its threads tell.

#include <fmt/format.h>
#include <sys/ptrace.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/recorder/ptrace_debugger.h"

namespace memsnap::test {
namespace {

// Shown to the test, as it did not mean them to come.
constexpr std::array kFatal = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};

class ThreadAtBreakpoint final : public StoppedThread {
 public:
  explicit ThreadAtBreakpoint(Tracee& thread) : thread_(thread) {}
  OsThreadId id() override { return OsThreadId{static_cast<std::uint64_t>(thread_.tid)}; }
  std::optional<std::uint64_t> read(Register which) override {
    auto registers = thread_.registers();
    return place_of(registers, which);
  }
  std::vector<Address> unwind(std::size_t) override { return {}; }
  void select_frame(std::size_t) override {}

 private:
  Tracee& thread_;
};

// Whether a signal is waiting for this very thread. Source: proc(5), /proc/pid/status.
bool is_waiting(pid_t thread, int signal) {
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  constexpr std::string_view kKey = "SigPnd:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kKey)) {
      return (std::stoull(line.substr(kKey.size()), nullptr, 16) >> (signal - 1) & 1) != 0;
    }
  }
  return false;
}

OsThreadId id_of(const Tracee& thread) { return OsThreadId{static_cast<std::uint64_t>(thread.tid)}; }

}  // namespace

std::set<pid_t> PtraceDebugger::running() const {
  std::set<pid_t> all;
  for (const auto& [tid, thread] : tracees_) {
    if (thread.is_running) {
      all.insert(tid);
    }
  }
  return all;
}

Stop PtraceDebugger::run_to(const std::vector<Address>& addresses) {
  for (const auto address : addresses) {
    if (!add_trap(address)) {
      throw std::runtime_error(fmt::format("cannot run to {:#x}", address.value));
    }
    wanted_.insert(address);
  }
  const auto stop = run();
  for (const auto address : wanted_) {
    remove_trap(address);
  }
  wanted_.clear();
  return stop;
}

Stop PtraceDebugger::run() {
  for (;;) {
    if (const auto stop = resume_all()) {
      return *stop;
    }
    const auto [tid, status] = wait_for_any(running());
    if (status.is_end()) {
      if (const auto stop = handle_end(tid, status)) {
        return *stop;
      }
    } else if (const auto stop = handle(tracees_.at(tid), status)) {
      return *stop;
    }
  }
}

std::optional<Stop> PtraceDebugger::resume_all() {
  if (const auto stop = step_off_traps()) {
    return stop;
  }
  for (auto& [tid, thread] : tracees_) {
    if (!thread.is_running) {
      thread.resume(pid_);
    }
  }
  return std::nullopt;
}

// Threads that stand where a breakpoint is execute the instruction below it first, while no other runs.
std::optional<Stop> PtraceDebugger::step_off_traps() {
  std::vector<pid_t> at_trap;
  for (auto& [tid, thread] : tracees_) {
    if (!thread.is_running && traps_.contains({thread.registers().rip})) {
      at_trap.push_back(tid);
    }
  }
  if (at_trap.empty()) {
    return std::nullopt;
  }
  if (const auto stop = stop_all()) {
    return stop;
  }
  for (const auto tid : at_trap) {
    if (const auto found = tracees_.find(tid); found != tracees_.end()) {
      if (const auto stop = step_once(found->second)) {
        return stop;
      }
    }
  }
  return std::nullopt;
}

std::optional<Stop> PtraceDebugger::handle(Tracee& thread, WaitStatus status) {
  thread.is_running = false;
  if (status.event() != 0) {
    const auto tid = thread.tid;
    const auto kept = kept_children_.size();
    handle_event(thread, status.event());
    return stop_of_event(tid, status.event(), kept_children_.size() > kept);
  }
  if (status.signal() == SIGTRAP) {
    return handle_trap(thread);
  }
  thread.signal = status.signal();
  if (std::ranges::find(kFatal, thread.signal) == kFatal.end()) {
    return std::nullopt;
  }
  const Stop stop{Stop::Kind::signal, id_of(thread), {thread.registers().rip}, thread.signal};
  const auto gone = stop_all();
  return gone ? gone : stop;
}

std::optional<Stop> PtraceDebugger::stop_of_event(pid_t tid, int event, bool has_kept_child) {
  if (event != PTRACE_EVENT_EXEC && !has_kept_child) {
    return std::nullopt;
  }
  Stop stop{
      has_kept_child ? Stop::Kind::forked : Stop::Kind::execed, OsThreadId{static_cast<std::uint64_t>(tid)}, {}, 0};
  const auto gone = stop_all();
  return gone ? gone : stop;
}

std::optional<Stop> PtraceDebugger::handle_end(pid_t tid, WaitStatus status) {
  tracees_.erase(tid);
  // The first thread's end is told last.
  if (tid != pid_) {
    return std::nullopt;
  }
  forget_process();
  if (events_ != nullptr) {
    events_->on_process_gone();
  }
  Stop stop;
  stop.kind = status.exit_code() ? Stop::Kind::exited : Stop::Kind::killed;
  stop.value = status.exit_code() ? *status.exit_code() : status.killed_by().value_or(0);
  return stop;
}

std::optional<Stop> PtraceDebugger::handle_trap(Tracee& thread) {
  auto registers = thread.registers();
  const Address address{registers.rip - 1};
  if (!traps_.contains(address)) {
    return std::nullopt;  // of a step that is over
  }
  registers.rip = address.value;
  thread.set_registers(registers);
  const auto tid = thread.tid;
  if (auto gone = stop_all()) {
    return gone;
  }
  current_ = tid;
  const bool is_memsnaps =
      std::ranges::any_of(breakpoints_, [&](const auto& entry) { return entry.second == address; });
  auto after = AfterHit::go_on;
  if (is_memsnaps && events_ != nullptr) {
    ThreadAtBreakpoint at(thread);
    after = events_->on_breakpoint(address, at);
  }
  if (loader_.contains(address)) {
    trap_loader();
    tell_modules_changed();
  }
  return after != AfterHit::go_on || wanted_.contains(address)
             ? std::optional(Stop{Stop::Kind::reached, id_of(thread), address, 0})
             : std::nullopt;
}

void PtraceDebugger::handle_event(Tracee& thread, int event) {
  switch (event) {
    case PTRACE_EVENT_CLONE: {
      const auto tid = thread.event_message();
      if (!wait_for(tid).is_end()) {
        add_thread(tid);
      }
      break;
    }
    case PTRACE_EVENT_FORK:
      handle_child(thread, false);
      break;
    case PTRACE_EVENT_VFORK:
      handle_child(thread, true);
      break;
    case PTRACE_EVENT_VFORK_DONE:
      put_traps_in();
      break;
    case PTRACE_EVENT_EXEC:
      handle_exec(thread.tid);
      break;
    default:
      break;  // stopped by stop_all, or by a signal that stops a whole process
  }
}

void PtraceDebugger::handle_child(Tracee& parent, bool shares_memory) {
  Tracee child;
  child.tid = parent.event_message();
  if (wait_for(child.tid).is_end()) {
    return;
  }
  take_traps_out(child.tid);
  traps_are_out_ = traps_are_out_ || shares_memory;
  if (children_ == Children::keep && !shares_memory) {
    kept_children_.push_back(child.tid);
  } else {
    child.detach();
  }
}

// Still in the system call, which would write its result over a register that is set now.
void PtraceDebugger::leave_exec(Tracee& thread) {
  thread.step();
  static_cast<void>(wait_for(thread.tid));
  thread.is_running = false;
}

// The other threads are gone, and so is everything that was in memory.
void PtraceDebugger::handle_exec(pid_t tid) {
  tracees_.clear();
  traps_.clear();
  breakpoints_.clear();
  wanted_.clear();
  loader_.clear();
  traps_are_out_ = false;
  leave_exec(add_thread(tid));
  current_ = tid;
  trap_loader();
  tell_modules_changed();
}

std::optional<Stop> PtraceDebugger::stop_all() {
  const auto all = running();
  for (const auto tid : all) {
    tracees_.at(tid).interrupt();
  }
  for (const auto tid : all) {
    const auto found = tracees_.find(tid);
    if (found == tracees_.end() || !found->second.is_running) {
      continue;
    }
    const auto status = wait_for(tid);
    if (status.is_end()) {
      if (auto gone = handle_end(tid, status)) {
        return gone;
      }
      continue;
    }
    auto& thread = found->second;
    thread.is_running = false;
    if (status.event() != 0) {
      handle_event(thread, status.event());
      // One that was interrupted just behind a trap is told of it later, when it may be there no more.
      if (const auto same = tracees_.find(tid); same != tracees_.end() && is_waiting(tid, SIGTRAP)) {
        set_back(same->second);
      }
    } else if (status.signal() != SIGTRAP) {
      thread.signal = status.signal();
    } else {
      set_back(thread);
    }
  }
  return std::nullopt;
}

// A thread that has executed a trap comes there again when it runs on.
void PtraceDebugger::set_back(Tracee& thread) {
  if (auto registers = thread.registers(); traps_.contains({registers.rip - 1})) {
    --registers.rip;
    thread.set_registers(registers);
  }
}

std::optional<Stop> PtraceDebugger::step_once(Tracee& thread) {
  const auto tid = thread.tid;
  const Address at{thread.registers().rip};
  const auto trap = traps_.find(at);
  const bool is_covered = trap != traps_.end() && !traps_are_out_;
  if (is_covered) {
    write_raw(at, {&trap->second.below, 1});
  }
  std::optional<Stop> stop;
  for (bool stepped = false; !stepped && !stop;) {
    tracees_.at(tid).step();
    const auto status = wait_for(tid);
    if (status.is_end()) {
      stop = handle_end(tid, status);
      break;
    }
    auto& now = tracees_.at(tid);
    now.is_running = false;
    if (status.event() != 0) {
      handle_event(now, status.event());
      stepped = status.event() == PTRACE_EVENT_EXEC;
    } else if (status.signal() == SIGTRAP) {
      stepped = true;
    } else {
      now.signal = status.signal();
      if (std::ranges::find(kFatal, now.signal) != kFatal.end()) {
        stop = Stop{Stop::Kind::signal, id_of(now), {now.registers().rip}, now.signal};
      }
    }
  }
  if (is_covered && pid_ != 0 && traps_.contains(at) && !traps_are_out_) {
    constexpr std::byte kTrap{0xcc};
    write_raw(at, {&kTrap, 1});
  }
  return stop;
}

bool PtraceDebugger::single_step(OsThreadId thread) {
  current_ = static_cast<pid_t>(thread);
  return !step_once(tracee(thread)) && pid_ != 0;
}

bool PtraceDebugger::run_beside(OsThreadId thread, std::size_t steps) {
  const auto tid = static_cast<pid_t>(thread);
  if (step_off_traps()) {
    return false;
  }
  for (auto& [other, tracee] : tracees_) {
    if (other != tid) {
      tracee.resume(pid_);
    }
  }
  for (std::size_t i = 0; i < steps; ++i) {
    if (step_once(tracees_.at(tid)) || !tracees_.contains(tid)) {
      return false;
    }
  }
  current_ = tid;
  return !stop_all();
}

void PtraceDebugger::deliver(OsThreadId thread, int signal) {
  auto& interrupted = tracee(thread);
  tgkill(pid_, interrupted.tid, signal);
  // It is told of before anything else is executed.
  interrupted.step();
  auto status = wait_for(interrupted.tid);
  if (!status.is_end() && status.signal() == signal) {
    interrupted.signal = signal;
    interrupted.enter_handler();
    status = wait_for(interrupted.tid);
    interrupted.is_running = false;
  }
  if (status.is_end() || status.signal() != SIGTRAP) {
    throw std::runtime_error(fmt::format("signal {} has no handler", signal));
  }
}

}  // namespace memsnap::test
