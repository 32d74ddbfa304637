#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/symbols/dwarf_scopes.h"

namespace memsnap {

/// A function's variable on the stack, and how far into it an address is.
struct StackVariable {
  std::string name;
  std::uint64_t offset = 0;  ///< bytes

  bool operator==(const StackVariable&) const = default;
};

/// The local variable or parameter that has a place in its function's frame, `from_cfa` bytes from the frame's CFA on.
/// Of several, as in one block in another, the innermost.
///
/// `address`: of an instruction of the function (no return address), as the file counts; the variables are those in
/// scope there, those of calls that were inlined among them.
/// Returns: nullopt where none is there, or one whose place is told by more than an offset in the frame.
/// Source:  DWARF 5, 3.3.5 (frame base), 2.6.1.1.4 (DW_OP_fbreg); System V AMD64 psABI, 3.2.2 (rbp is at CFA - 16).
std::optional<StackVariable> stack_variable(DwarfScopes& dwarf, std::uint64_t address, std::int64_t from_cfa);

}  // namespace memsnap
