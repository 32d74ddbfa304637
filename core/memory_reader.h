#pragma once

#include <cstddef>
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

}  // namespace memsnap
