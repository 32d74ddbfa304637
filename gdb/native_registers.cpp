#include "gdb/native_registers.h"

#include <sys/ptrace.h>
#include <sys/user.h>

#include <array>

namespace memsnap {

std::optional<NativeRegisters> read_native_registers(pid_t thread) {
  user_regs_struct raw{};
  if (ptrace(PTRACE_GETREGS, thread, nullptr, &raw) != 0) {
    return std::nullopt;
  }
  const std::array<std::uint64_t, Registers::kCount> values = {raw.rax, raw.rdx, raw.rcx, raw.rbx, raw.rsi, raw.rdi,
                                                               raw.rbp, raw.rsp, raw.r8,  raw.r9,  raw.r10, raw.r11,
                                                               raw.r12, raw.r13, raw.r14, raw.r15, raw.rip};
  NativeRegisters registers{{}, {raw.fs_base}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    registers.general.set(static_cast<Register>(i), values[i]);
  }
  return registers;
}

}  // namespace memsnap
