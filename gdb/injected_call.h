#pragma once

#include <sys/types.h>

#include <cstdint>

#include "core/address.h"
#include "core/result.h"
#include "plugin/system_call.h"

namespace memsnap {

/// Makes a thread that this thread of ours traces do one system call, by ptrace, and leaves it as it was: its
/// registers, its signals and a system call that the stop interrupted, which then goes on as if nothing had happened.
/// Other threads may run meanwhile.
///
/// `thread` is stopped, and the debugger has seen its stop; `instruction` is a `syscall` in its process.
/// Returns: what the kernel gave. Errors: Code::debugger, where it is stopped in the middle of a system call among
///          others; it is as it was then, too.
Result<std::int64_t> call_in_thread(pid_t process, pid_t thread, Address instruction, const SystemCall& call);

}  // namespace memsnap
