#pragma once

#include <sys/types.h>

#include <optional>

#include "core/address.h"
#include "core/registers.h"

namespace memsnap {

/// What the kernel tells of a thread that this thread of ours traces.
struct NativeRegisters {
  Registers general;       ///< all of them
  Address thread_pointer;  ///< fs base
};

/// nullopt where the thread is not stopped, or not traced by us.
std::optional<NativeRegisters> read_native_registers(pid_t thread);

}  // namespace memsnap
