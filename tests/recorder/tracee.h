#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/registers.h"

namespace memsnap::test {

/// What a wait told of a thread. Source: ptrace(2), wait(2).
class WaitStatus {
 public:
  explicit WaitStatus(int status) : status_(status) {}

  /// It is gone: by exit, or killed.
  bool is_end() const;
  std::optional<int> exit_code() const;
  /// The signal that killed it.
  std::optional<int> killed_by() const;
  /// The PTRACE_EVENT_ that stopped it; 0 for none.
  int event() const;
  /// The signal that stopped it.
  int signal() const;

 private:
  int status_;
};

/// Waits until something is told of one of these threads. What is told of others is kept for who asks for them: a test
/// may have several debuggers.
std::pair<pid_t, WaitStatus> wait_for_any(const std::set<pid_t>& threads);
WaitStatus wait_for(pid_t thread);

/// A thread that this program traces.
class Tracee {
 public:
  pid_t tid = 0;
  std::uint32_t number = 0;  ///< as the debugger counts them, from 1 on
  bool is_running = false;
  int signal = 0;            ///< what it is stopped at, to be given to it when it runs on
  std::vector<int> delayed;  ///< what it was stopped at before, and has not been given

  /// What it takes to trace a thread: its stops come one by one, with no signal of ours.
  static bool seize(pid_t thread, int options);

  // All the others need it to be stopped. A thread that was killed meanwhile does nothing, and tells it by a wait.
  const user_regs_struct& registers();
  void set_registers(const user_regs_struct& registers);
  void resume(pid_t process);
  void step();           ///< one instruction, without a signal
  void enter_handler();  ///< of the signal that it is stopped at
  void interrupt() const;
  void detach() const;
  pid_t event_message() const;  ///< the new thread or process of a PTRACE_EVENT_

 private:
  std::optional<user_regs_struct> registers_;  // for as long as it is stopped
};

/// Where a register is among the kernel's.
unsigned long long& place_of(user_regs_struct& registers, Register which);

}  // namespace memsnap::test
