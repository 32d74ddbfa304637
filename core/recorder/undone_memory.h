#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/memory_reader.h"
#include "core/recorder/layout.h"
#include "core/result.h"

namespace memsnap {

/// The error for bytes that the recorder would not have written. `what` goes on after a colon.
std::unexpected<Error> damaged(const std::string& what);

/// The recorder's memory as it was before the operations that are under way.
class UndoneMemory {
 public:
  explicit UndoneMemory(MemoryReader& memory) : memory_(&memory) {}

  /// From now on these counters read as they were. Of several values for one address the first stands.
  void set_undo(std::span<const layout::Undo> undo);

  /// Fills all of `into`. Errors: Code::unmapped.
  Result<void> read(Address address, std::span<std::byte> into) const;

  /// The same for values, which may hold any bytes.
  template <typename T>
  Result<void> read_values(Address address, std::span<T> into) const {
    return read(address, std::as_writable_bytes(into));
  }

 private:
  struct Word {
    std::uint64_t address;
    std::uint64_t value;
  };

  MemoryReader* memory_;
  std::vector<Word> undo_;  // ascending by address
};

}  // namespace memsnap
