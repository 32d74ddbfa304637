#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "core/address.h"
#include "core/result.h"
#include "gdb/native_registers.h"
#include "gdb/remote_server.h"
#include "plugin/system_call.h"

namespace memsnap {

/// What the server tells of a stopped thread of a process on this machine; nullopt where it does not know it.
std::optional<NativeRegisters> read_remote_registers(RemoteServer& server, pid_t process, pid_t thread);

/// As call_in_thread, for a thread that a server on this machine holds.
Result<std::int64_t> call_in_remote_thread(RemoteServer& server, pid_t process, pid_t thread, Address instruction,
                                           const SystemCall& call);

}  // namespace memsnap
