#pragma once

#include <cstdint>
#include <string>

#include "core/address.h"
#include "core/heap/type.h"
#include "core/memory_reader.h"

namespace memsnap {

/// What a block is to be shown as.
struct Shape {
  const Type* type = nullptr;  ///< of one element; nullptr where it is not known
  std::uint64_t offset = 0;    ///< of the first element, in bytes from the start of the block
  std::uint64_t count = 1;     ///< elements
  bool is_array = false;       ///< shown in braces, also where there is one only
};

/// What is in a block, on one line of printable ASCII: a string's text, a class' first members, an array's first
/// elements; text, or the first words, where the type is not known.
///
/// Shape:  at most kLongestPreview characters; empty for a block of no bytes.
/// Errors: none. What cannot be read is shown as `unreadable`.
std::string preview(const Shape& shape, Address address, std::uint64_t size, MemoryReader& memory);

inline constexpr std::size_t kLongestPreview = 100;

}  // namespace memsnap
