#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/address.h"

namespace memsnap {

/// The one window on the inferior's memory: live, remote, core file or a test's byte array.
class MemoryReader {
 public:
  virtual ~MemoryReader() = default;

  /// Reads from `address` on into `into`.
  ///
  /// Returns: the bytes read, from the front; fewer than asked for where memory ends, 0 where `address` itself
  ///          cannot be read. Never throws, never changes the inferior.
  virtual std::size_t read(Address address, std::span<std::byte> into) = 0;
};

/// The 8 bytes at `address`; nullopt where they cannot all be read.
inline std::optional<std::uint64_t> read_word(MemoryReader& memory, Address address) {
  std::array<std::byte, sizeof(std::uint64_t)> bytes{};
  return memory.read(address, bytes) == bytes.size() ? std::optional(std::bit_cast<std::uint64_t>(bytes))
                                                     : std::nullopt;
}

}  // namespace memsnap
