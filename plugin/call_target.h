#pragma once

#include <optional>

#include "core/memory_reader.h"

namespace memsnap {

/// Where a call leads that returns to `return_address`, as its instruction says: through a linkage table's entry to
/// what that is bound to by now. nullopt where the instruction does not say it (a call through a register), or another
/// instruction stands there.
std::optional<Address> call_target(MemoryReader& memory, Address return_address);

}  // namespace memsnap
