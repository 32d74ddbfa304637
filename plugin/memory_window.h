#pragma once

#include <cstddef>
#include <vector>

#include "core/memory_reader.h"

namespace memsnap {

/// Reads memory in large pieces and keeps the last one: for who reads a little at many addresses that ascend. To be
/// used while the process stands, and no longer.
class MemoryWindow final : public MemoryReader {
 public:
  /// Borrows `memory`.
  explicit MemoryWindow(MemoryReader& memory) : memory_(memory) {}

  std::size_t read(Address address, std::span<std::byte> into) override;

 private:
  MemoryReader& memory_;
  Address begin_;
  std::vector<std::byte> bytes_;
};

}  // namespace memsnap
