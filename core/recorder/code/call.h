#pragma once

#include <cstddef>
#include <cstdint>

#include "core/recorder/code/system.h"

namespace memsnap::recorder {

/// One call of a hooked entry point, on the caller's stack below its return address. hooks.S fills it in and knows its
/// layout.
struct Call {
  std::uint64_t arguments[kMostArguments];  ///< rdi, rsi, rdx, rcx, r8, r9; of a free only rdi
  std::uint64_t rax;
  const Site* site;
  std::uint64_t rbp;
  std::uint64_t left_rdi;  ///< what the entry point's own code left in rdi
  ThreadState* state;
  std::uint64_t outer_stack;  ///< ThreadState::outer_stack and outer_site of the call that this one interrupts
  std::uint64_t outer_site;
  std::uint64_t return_address;

  std::uint64_t argument(std::int8_t which) const {
    if (which < kIntArgument) {
      return which < 0 ? 0 : arguments[which];
    }
    return static_cast<std::uint32_t>(arguments[which - kIntArgument]);
  }
  Control& control() const { return *at<Control>(site->control); }
  /// rsp at the entry: the slot that holds the return address.
  std::uint64_t stack() const { return address_of(&return_address); }
};
inline bool is_recorder_code(const Control& control, std::uint64_t pc) {
  return pc >= control.code_begin && pc < control.code_end;
}

/// Whether code at `pc` is in the module that an entry point lies in.
inline bool is_in_module_of(const Site& site, std::uint64_t pc) {
  return pc >= site.module_begin && pc < site.module_end;
}

static_assert(offsetof(Call, return_address) == 0x68, "hooks.S makes room for so many bytes");

}  // namespace memsnap::recorder
