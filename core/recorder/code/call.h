#pragma once

#include <cstdint>

#include "core/recorder/code/system.h"

namespace memsnap::recorder {

/// One call of a hooked entry point, on the caller's stack below its return address. hooks.S fills it in and knows its
/// layout.
struct Call {
  std::uint64_t arguments[4];  ///< rdi, rsi, rdx, rcx
  std::uint64_t r8, r9, r10;
  std::uint64_t rax;
  const Site* site;
  ThreadState* state;
  std::uint64_t stack;  ///< rsp at the entry: the slot that holds the return address
  std::uint64_t rbp;
  std::uint64_t r11;
  std::uint64_t left[4];      ///< what the entry point's own code left in rdi, rsi, rdx, rcx
  std::uint64_t outer_stack;  ///< ThreadState::outer_stack and outer_site of the call that this one interrupts
  std::uint64_t outer_site;

  std::uint64_t argument(std::int8_t index) const { return index < 0 ? 0 : arguments[index]; }
  Control& control() const { return *at<Control>(site->control); }
};
static_assert(sizeof(Call) <= 0x98, "hooks.S makes room for so many bytes");

}  // namespace memsnap::recorder
