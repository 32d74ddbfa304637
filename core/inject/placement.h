#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/address.h"

namespace memsnap {

/// Where a `jmp rel32` reaches from anywhere in `code`, and an operand relative to it, with a MiB to spare. Empty where
/// `code` is too large.
AddressRange reachable(AddressRange code);

/// A free place for `size` bytes (in whole pages) inside `within`, the nearest one to its middle.
///
/// `mapped` is what is mapped, in any order; a page at least stays free between it and the place. Above the place stay
/// 16 MiB, where there is such a place: what is mapped there may be a stack, which grows downwards. nullopt where there
/// is no place. Never below 64 KiB, nor above the user's half of the addresses.
std::optional<Address> find_gap(std::span<const AddressRange> mapped, AddressRange within, std::uint64_t size);

}  // namespace memsnap
