#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "core/address.h"

namespace memsnap {

/// Code that was inlined, and where the processor goes on when it leaves it.
struct InlinedBody {
  std::vector<AddressRange> code;  ///< ascending, apart from each other
  std::vector<Address> exits;      ///< ascending; each is outside `code`

  bool contains(Address address) const;
};

/// Gives the bytes of the code at a range.
using CodeBytes = std::function<std::vector<std::byte>(AddressRange)>;

/// Finds where code is left, by reading its instructions: what follows its last ones, and where they jump to. Where an
/// instruction jumps to through a register is not known.
///
/// Compilers mix a caller's instructions into what they inline. Such a gap counts as part of the code where nothing is
/// called, left or skipped in it: the processor just passes through.
InlinedBody find_body(std::vector<AddressRange> code, const CodeBytes& bytes);

}  // namespace memsnap
