#include "gdb/injected_call.h"

#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

namespace memsnap {
namespace {

std::unexpected<Error> refused(const char* what) {
  return fail(Code::debugger,
              fmt::format("no call can be made in the process: {}: {}", what, std::generic_category().message(errno)));
}

// A traced thread, given back as it was found.
class Borrowed {
 public:
  Borrowed(pid_t process, pid_t thread) : process_(process), thread_(thread) {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed();

  Result<void> take();
  Result<std::int64_t> run(Address instruction, const SystemCall& call);

 private:
  Result<void> block_signals();
  Result<void> leave_system_call();
  Result<void> step();

  pid_t process_;
  pid_t thread_;
  std::optional<user_regs_struct> registers_;
  std::optional<std::uint64_t> signal_mask_;
  std::optional<siginfo_t> stop_;  // what it was stopped for
  bool was_told_to_stop_ = false;
};

Borrowed::~Borrowed() {
  if (registers_) {
    ptrace(PTRACE_SETREGS, thread_, nullptr, &*registers_);
  }
  if (signal_mask_) {
    ptrace(PTRACE_SETSIGMASK, thread_, sizeof *signal_mask_, &*signal_mask_);
  }
  if (stop_) {
    // For a signal that it gets when it goes on: the handler finds in there who sent it.
    ptrace(PTRACE_SETSIGINFO, thread_, nullptr, &*stop_);
  }
  if (was_told_to_stop_) {
    syscall(SYS_tgkill, process_, thread_, SIGSTOP);
  }
}

Result<void> Borrowed::take() {
  if (auto blocked = block_signals(); !blocked) {
    return blocked;
  }
  if (auto left = leave_system_call(); !left) {
    return left;
  }
  user_regs_struct registers{};
  if (ptrace(PTRACE_GETREGS, thread_, nullptr, &registers) != 0) {
    return refused("a thread's registers cannot be read");
  }
  registers_ = registers;
  return {};
}

// So that none comes in between. Those that cannot be blocked never get to a handler.
Result<void> Borrowed::block_signals() {
  std::uint64_t mask = 0;
  if (ptrace(PTRACE_GETSIGMASK, thread_, sizeof mask, &mask) != 0) {
    return refused("a thread's signals cannot be read");
  }
  const auto all = ~std::uint64_t{0};
  if (ptrace(PTRACE_SETSIGMASK, thread_, sizeof all, &all) != 0) {
    return refused("a thread's signals cannot be blocked");
  }
  signal_mask_ = mask;
  return {};
}

// A thread that was stopped inside the kernel returns from there when it goes on, and what it returns overwrites rax.
// Out of exec it can be brought first: a program's first instruction asks nothing of rax, and is not run for this.
Result<void> Borrowed::leave_system_call() {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread_, sizeof info, &info) > 0 &&
      (info.op == PTRACE_SYSCALL_INFO_ENTRY || info.op == PTRACE_SYSCALL_INFO_SECCOMP)) {
    return fail(Code::debugger, "a thread is stopped where a system call begins; let it go on a little");
  }
  // Source: ptrace(2), PTRACE_EVENT stops: the event stands above SIGTRAP. A stop by a stop signal has no siginfo.
  siginfo_t stop{};
  if (ptrace(PTRACE_GETSIGINFO, thread_, nullptr, &stop) != 0) {
    return {};
  }
  const auto event = stop.si_signo == SIGTRAP && stop.si_code > 0 ? stop.si_code >> 8 : 0;
  if (event == 0) {
    stop_ = stop;
    return {};
  }
  if (event != PTRACE_EVENT_EXEC) {
    return fail(Code::debugger, "a thread is stopped in the middle of a system call; let it go on a little");
  }
  return step();
}

// One instruction.
Result<void> Borrowed::step() {
  while (true) {
    if (ptrace(PTRACE_SINGLESTEP, thread_, nullptr, nullptr) != 0) {
      return refused("a thread does not step");
    }
    int status = 0;
    pid_t waited = 0;
    do {
      waited = waitpid(thread_, &status, __WALL);
    } while (waited < 0 && errno == EINTR);
    if (waited != thread_ || !WIFSTOPPED(status)) {
      registers_.reset();
      signal_mask_.reset();
      stop_.reset();
      return fail(Code::debugger, "no call can be made in the process: a thread has gone");
    }
    if (WSTOPSIG(status) != SIGSTOP) {
      return {};
    }
    // The debugger's way to stop a thread, sent before it saw that this one was stopped already: it waits for it.
    was_told_to_stop_ = true;
  }
}

Result<std::int64_t> Borrowed::run(Address instruction, const SystemCall& call) {
  auto registers = *registers_;
  registers.rax = call.number;
  registers.rdi = call.arguments[0];
  registers.rsi = call.arguments[1];
  registers.rdx = call.arguments[2];
  registers.r10 = call.arguments[3];
  registers.r8 = call.arguments[4];
  registers.r9 = call.arguments[5];
  registers.rip = instruction.value;
  registers.orig_rax = ~std::uint64_t{0};  // or the kernel takes rip back to restart what was interrupted
  if (ptrace(PTRACE_SETREGS, thread_, nullptr, &registers) != 0) {
    return refused("a thread's registers cannot be set");
  }
  if (auto stepped = step(); !stepped) {
    return std::unexpected(stepped.error());
  }
  if (ptrace(PTRACE_GETREGS, thread_, nullptr, &registers) != 0) {
    return refused("a thread's registers cannot be read");
  }
  if (registers.rip != instruction.value + kSystemCallSize) {
    return fail(Code::debugger, "no call can be made in the process: a thread does not get to it");
  }
  return static_cast<std::int64_t>(registers.rax);
}

}  // namespace

Result<std::int64_t> call_in_thread(pid_t process, pid_t thread, Address instruction, const SystemCall& call) {
  Borrowed borrowed(process, thread);
  if (auto taken = borrowed.take(); !taken) {
    return std::unexpected(taken.error());
  }
  return borrowed.run(instruction, call);
}

}  // namespace memsnap
