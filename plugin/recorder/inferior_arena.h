#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/address.h"
#include "core/result.h"
#include "plugin/debugger.h"

namespace memsnap {

/// Memory in the inferior that the process itself may read and write, given out piece by piece and never taken back.
class InferiorArena {
 public:
  explicit InferiorArena(Debugger& debugger) : debugger_(debugger) {}

  /// Zeroed memory of at least `size` bytes, aligned to 64.
  Result<Address> take(std::size_t size);
  /// The same, with these bytes in it.
  Result<Address> put(std::span<const std::byte> bytes);
  /// Goes on in memory that was given to another arena in the same process.
  void adopt(AddressRange free) { free_ = free; }

  AddressRange free() const { return free_; }
  std::uint64_t mapped() const { return mapped_; }

 private:
  Debugger& debugger_;
  AddressRange free_;
  std::uint64_t mapped_ = 0;
};

}  // namespace memsnap
