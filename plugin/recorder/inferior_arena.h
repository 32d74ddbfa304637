#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/address.h"
#include "core/result.h"
#include "plugin/debugger.h"
#include "plugin/recorder/inferior_mappings.h"

namespace memsnap {

/// Memory in the inferior that the process itself may read and write, given out piece by piece and never taken back.
class InferiorArena {
 public:
  InferiorArena(Debugger& debugger, InferiorMappings& mappings) : debugger_(debugger), mappings_(mappings) {}

  /// Zeroed memory of at least `size` bytes, aligned to 64.
  Result<Address> take(std::size_t size);
  /// The same, with these bytes in it.
  Result<Address> put(std::span<const std::byte> bytes);
  /// Goes on in memory that was given to another arena in the same process.
  void adopt(AddressRange free) { free_ = free; }

  AddressRange free() const { return free_; }

 private:
  Debugger& debugger_;
  InferiorMappings& mappings_;
  AddressRange free_;
};

}  // namespace memsnap
