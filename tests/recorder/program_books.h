#pragma once

#include <cstdint>

#include "tests/recorder/recorded.h"

namespace memsnap::test {

/// What the recorder had before the program's own books began.
struct Base {
  Blocks blocks;
  Totals totals;
};
Base base_of(Recorded& recorded);

/// Checks that the recorder has just what is in the program's `struct books` at this address, beside what was there
/// before and still is.
void check_books(Recorded& recorded, std::uint64_t address, const Base& base = {});

/// The blocks that were there before, and those that the program's books have.
Blocks with_books(Recorded& recorded, std::uint64_t address, const Base& base);

}  // namespace memsnap::test
