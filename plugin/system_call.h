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

/// What code in the process may do with memory that was mapped for it.
enum class Protection : std::uint8_t { read_write, read_execute };

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

/// Maps zeroed private memory in the process. `at`: exactly there, page-aligned, and nothing that is mapped is
/// replaced; nullopt: where the kernel likes. Errors: Code::unmapped where `at` is taken or cannot be had; else
/// Code::debugger, and what `call` fails with.
Result<Address> map_memory(const SystemCaller& call, std::size_t size, Protection protection,
                           std::optional<Address> at);
/// The same in memory of a file without a path, which /proc/PID/maps shows as `/memfd:NAME (deleted)`; `name` is the
/// address of a string in the process. Nothing of the file stays open. Errors: Code::unsupported where the process can
/// have no such file; else as of map_memory(). Source: memfd_create(2).
Result<Address> map_named_memory(const SystemCaller& call, std::size_t size, Protection protection,
                                 std::optional<Address> at, Address name);
/// Gives it back. Errors: as of map_memory().
Result<void> unmap_memory(const SystemCaller& call, AddressRange range);
/// Has /proc/PID/maps show it as `[anon:NAME]`, where the kernel can do that (Linux 5.17); `name` is the address of a
/// string in the process. Source: PR_SET_VMA(2const).
void name_memory(const SystemCaller& call, AddressRange range, Address name);

}  // namespace memsnap
