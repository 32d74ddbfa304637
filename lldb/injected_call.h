#pragma once

#include <lldb/API/LLDB.h>

#include <cstdint>

#include "core/address.h"
#include "core/result.h"
#include "plugin/system_call.h"

namespace memsnap {

/// Makes one stopped thread of a process on this machine do a system call, and leaves it as it was: its registers, and
/// a system call that the stop interrupted, which then goes on as if nothing had happened. No other thread runs.
///
/// `instruction` is a `syscall` in the process. Works in a breakpoint's callback too.
/// Returns: what the kernel gave. Errors: Code::unsupported where the process is run by another server than LLDB's own;
///          Code::debugger where no thread can be taken, because of how they are stopped, among others.
Result<std::int64_t> call_in_process(lldb::SBDebugger debugger, lldb::SBProcess process, Address instruction,
                                     const SystemCall& call);

}  // namespace memsnap
