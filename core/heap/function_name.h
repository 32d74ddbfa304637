#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace memsnap {

/// The parts of a function's name: `x::T<int>` and `f<int>` of `void x::T<int>::f<int>(int) const`. The first is empty
/// for a function that is in nothing.
std::pair<std::string_view, std::string_view> split_function_name(std::string_view function);

/// The canonical name of the class that a function constructs; nullopt where it is no constructor.
std::optional<std::string> constructed_class(std::string_view function);

/// What a function of the C++ standard library allocates: the elements of an allocator's `allocate`, what `make_unique`
/// makes.
struct LibraryAllocation {
  std::string type;      ///< canonical
  bool is_many = false;  ///< any number of them
};

/// What the function that called an allocator allocates, where its own name tells that; nullopt else.
std::optional<LibraryAllocation> library_allocation(std::string_view function);

/// Whether it only hands on what an allocator gives: `operator new`, and libc++'s steps up to it.
bool forwards_allocation(std::string_view function);

}  // namespace memsnap
