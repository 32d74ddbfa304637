#pragma once

#include <optional>
#include <string>

#include "core/address.h"
#include "core/heap/type_catalog.h"

namespace memsnap {

/// The class whose constructor is run on what an allocation gave, as the code behind the allocator's call shows: the
/// allocator's result is followed from there on until it is handed to a constructor as the object, or something is
/// stored in it by one that was inlined. That has to be on the line of the allocation, and of several constructors in
/// one another the outermost counts.
///
/// `allocation`: the return address of the allocator's call.
/// Returns: the class' canonical name; nullopt where nothing of that is found, and where the unit has another class of
///          the same size that begins with one of these, so that it could have been that one's part.
/// Needs DWARF and the module's own file.
std::optional<std::string> constructed_at(const Pc& allocation, TypeCatalog& types);

}  // namespace memsnap
