#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "core/address.h"
#include "core/memory_reader.h"
#include "core/result.h"
#include "plugin/debugger.h"
#include "plugin/local_process.h"

namespace memsnap {

/// A system call as the kernel takes it on x86-64. Source: syscall(2).
struct SystemCall {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};

  /// The registers that it is made with. Source: System V AMD64 psABI, A.2.1.
  std::array<std::pair<Register, std::uint64_t>, 7> registers() const;
};

/// Makes a thread of the process do a system call, and gives what it returned. A call that failed is no error: it gives
/// the negative number of its error, as the kernel does.
using SystemCaller = std::function<Result<std::int64_t>(const SystemCall&)>;

/// How long the instruction `syscall` is.
inline constexpr std::uint64_t kSystemCallSize = 2;

/// Where a process has an instruction `syscall`, so that none has to be written into code that another thread may be
/// running. The kernel's own vdso has one in every process.
std::optional<Address> find_system_call(std::span<const Mapping> mappings, MemoryReader& memory);

/// What Debugger::allocate has to do, by system calls.
Result<Address> map_memory(const SystemCaller& call, std::size_t size, Protection protection,
                           std::optional<Address> at);

}  // namespace memsnap
