#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace memsnap {

/// A type's name in the one spelling that memsnap uses, that of demangled symbols, whoever spelled it: `unsigned long`
/// for `long unsigned int`, `char const*` for `const char*`, `array<int, 4>` for `array<int, 4ul>`, `>>` for `> >`,
/// `(anonymous namespace)` for `{anonymous}`. A name that it cannot read comes back with its spaces in order only.
std::string canonical_type_name(std::string_view name);

/// A canonical name as people know it: `std::string` for the template that it is. Both standard libraries'.
std::string shown_type_name(std::string name);

/// The arguments of the last template in a name, as they stand there: `int` and `A<int>` of `x::T<int, A<int>>`. None
/// where the name does not end in one.
std::vector<std::string_view> template_arguments(std::string_view name);

/// A name up to its template arguments: `x::T` of `x::T<int>`.
std::string_view template_name(std::string_view name);

}  // namespace memsnap
