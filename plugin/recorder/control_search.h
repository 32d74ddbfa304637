#pragma once

#include <optional>
#include <span>

#include "core/address.h"
#include "core/memory_reader.h"

namespace memsnap {

/// The first layout::Control of this version that lies in `ranges`. For where no hook can be followed to it: reads all
/// that there is before it.
std::optional<Address> find_control(MemoryReader& memory, std::span<const AddressRange> ranges);

}  // namespace memsnap
