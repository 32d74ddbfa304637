#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.h"

namespace memsnap::test {

/// Machine code from hexadecimal digits, as a disassembler prints it.
inline std::vector<std::byte> code(std::string_view digits) {
  std::vector<std::byte> bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    if (digits[at] == ' ') {
      ++at;
    }
    bytes.push_back(static_cast<std::byte>(std::stoul(std::string(digits.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

/// The other way round: digits in pairs, with a space between them.
inline std::string hex(std::span<const std::byte> bytes) { return fmt::format("{:02x}", fmt::join(bytes, " ")); }

/// The digits of a little-endian value.
template <std::integral T>
std::string hex(T value) {
  return hex(std::as_bytes(std::span(&value, 1)));
}

/// The digits of four bytes that name `target`, relative to `end`.
inline std::string relative(Address end, Address target) {
  return hex(static_cast<std::uint32_t>(target.value - end.value));
}

}  // namespace memsnap::test
