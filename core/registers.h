#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/address.h"

namespace memsnap {

/// x86-64 registers by their DWARF numbers. Source: System V AMD64 psABI, figure 3.36.
enum class Register : std::uint8_t {
  rax,
  rdx,
  rcx,
  rbx,
  rsi,
  rdi,
  rbp,
  rsp,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rip
};

inline constexpr std::array kRegisterNames = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                              "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};

/// What debuggers call a register.
constexpr const char* to_string(Register which) { return kRegisterNames.at(static_cast<std::size_t>(which)); }

/// Register values of one stopped thread, each known or unknown.
class Registers {
 public:
  static constexpr std::size_t kCount = kRegisterNames.size();

  std::optional<std::uint64_t> get(Register which) const {
    if (!(known_ & bit(which))) {
      return std::nullopt;
    }
    return values_[static_cast<std::size_t>(which)];
  }
  void set(Register which, std::uint64_t value) {
    values_[static_cast<std::size_t>(which)] = value;
    known_ |= bit(which);
  }
  void forget(Register which) { known_ &= ~bit(which); }

 private:
  static constexpr std::uint32_t bit(Register which) { return std::uint32_t{1} << static_cast<unsigned>(which); }

  std::array<std::uint64_t, kCount> values_{};
  std::uint32_t known_ = 0;
};

}  // namespace memsnap
