#pragma once

#include <optional>

#include "core/address.h"
#include "core/result.h"
#include "plugin/debugger.h"

namespace memsnap {

/// The first layout::Control of this version in all memory. For where no hook can be followed to it, as all that there
/// is before it is read. Errors: Code::not_found; Code::interrupted at Ctrl-C.
Result<Address> find_control(Debugger& debugger);

/// The Control of a recorder of this very build that was stopped: its code is still mapped, and nothing leads there.
std::optional<Address> find_stopped_control(Debugger& debugger);

}  // namespace memsnap
