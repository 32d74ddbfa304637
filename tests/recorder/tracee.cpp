#include "tests/recorder/tracee.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <system_error>

namespace memsnap::test {
namespace {

std::map<pid_t, std::vector<int>>& kept() {
  static std::map<pid_t, std::vector<int>> statuses;
  return statuses;
}

std::optional<int> take_kept(pid_t thread) {
  const auto found = kept().find(thread);
  if (found == kept().end()) {
    return std::nullopt;
  }
  const auto status = found->second.front();
  found->second.erase(found->second.begin());
  if (found->second.empty()) {
    kept().erase(found);
  }
  return status;
}

// Whether it could be done: a thread that was killed cannot.
bool done(long result, const char* what) {
  if (result != -1) {
    return true;
  }
  if (errno == ESRCH) {
    return false;
  }
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

bool WaitStatus::is_end() const { return WIFEXITED(status_) || WIFSIGNALED(status_); }

std::optional<int> WaitStatus::exit_code() const {
  return WIFEXITED(status_) ? std::optional(WEXITSTATUS(status_)) : std::nullopt;
}

std::optional<int> WaitStatus::killed_by() const {
  return WIFSIGNALED(status_) ? std::optional(WTERMSIG(status_)) : std::nullopt;
}

int WaitStatus::event() const { return status_ >> 16; }

int WaitStatus::signal() const { return WSTOPSIG(status_); }

std::pair<pid_t, WaitStatus> wait_for_any(const std::set<pid_t>& threads) {
  for (const auto thread : threads) {
    if (const auto status = take_kept(thread)) {
      return {thread, WaitStatus(*status)};
    }
  }
  for (;;) {
    int status = 0;
    const auto thread = waitpid(-1, &status, __WALL);
    if (thread == -1 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "waitpid");
    }
    if (threads.contains(thread)) {
      return {thread, WaitStatus(status)};
    }
    if (thread > 0) {
      kept()[thread].push_back(status);
    }
  }
}

WaitStatus wait_for(pid_t thread) { return wait_for_any({thread}).second; }

bool Tracee::seize(pid_t thread, int options) {
  return done(ptrace(PTRACE_SEIZE, thread, nullptr, options), "PTRACE_SEIZE");
}

const user_regs_struct& Tracee::registers() {
  if (!registers_) {
    registers_.emplace();
    done(ptrace(PTRACE_GETREGS, tid, nullptr, &*registers_), "PTRACE_GETREGS");
  }
  return *registers_;
}

void Tracee::set_registers(const user_regs_struct& registers) {
  registers_ = registers;
  done(ptrace(PTRACE_SETREGS, tid, nullptr, &registers), "PTRACE_SETREGS");
}

void Tracee::resume(pid_t process) {
  // Only at its own stop can a signal be handed over.
  for (const auto each : delayed) {
    done(tgkill(process, tid, each), "tgkill");
  }
  delayed.clear();
  is_running = true;
  registers_.reset();
  done(ptrace(PTRACE_CONT, tid, nullptr, std::exchange(signal, 0)), "PTRACE_CONT");
}

void Tracee::step() {
  if (signal != 0) {
    delayed.push_back(std::exchange(signal, 0));
  }
  is_running = true;
  registers_.reset();
  done(ptrace(PTRACE_SINGLESTEP, tid, nullptr, 0), "PTRACE_SINGLESTEP");
}

void Tracee::enter_handler() {
  is_running = true;
  registers_.reset();
  done(ptrace(PTRACE_SINGLESTEP, tid, nullptr, std::exchange(signal, 0)), "PTRACE_SINGLESTEP");
}

void Tracee::interrupt() const { done(ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr), "PTRACE_INTERRUPT"); }

void Tracee::detach() const { done(ptrace(PTRACE_DETACH, tid, nullptr, signal), "PTRACE_DETACH"); }

pid_t Tracee::event_message() const {
  unsigned long message = 0;
  done(ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &message), "PTRACE_GETEVENTMSG");
  return static_cast<pid_t>(message);
}

unsigned long long& place_of(user_regs_struct& registers, Register which) {
  switch (which) {
    case Register::rax:
      return registers.rax;
    case Register::rdx:
      return registers.rdx;
    case Register::rcx:
      return registers.rcx;
    case Register::rbx:
      return registers.rbx;
    case Register::rsi:
      return registers.rsi;
    case Register::rdi:
      return registers.rdi;
    case Register::rbp:
      return registers.rbp;
    case Register::rsp:
      return registers.rsp;
    case Register::r8:
      return registers.r8;
    case Register::r9:
      return registers.r9;
    case Register::r10:
      return registers.r10;
    case Register::r11:
      return registers.r11;
    case Register::r12:
      return registers.r12;
    case Register::r13:
      return registers.r13;
    case Register::r14:
      return registers.r14;
    case Register::r15:
      return registers.r15;
    case Register::rip:
      break;
  }
  return registers.rip;
}

}  // namespace memsnap::test
