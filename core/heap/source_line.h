#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace memsnap {

/// What a line of C or C++ says that it allocates.
struct WrittenAllocation {
  std::string type;         ///< as it stands there, without `struct`, `const` and spaces
  bool is_many = false;     ///< `new T[n]`, `malloc(n * sizeof(T))`, `calloc(n, sizeof(T))`
  bool has_cookie = false;  ///< `new T[n]`: the count may stand before the elements
};

/// The one allocation on a line of source: `new T`, `new T[n]`, `malloc(sizeof(T))` and its like. nullopt where there
/// is none or more than one, and where what stands there can be no plain type's name.
std::optional<WrittenAllocation> written_allocation(std::string_view line);

}  // namespace memsnap
