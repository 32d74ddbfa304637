#pragma once

#include "core/address.h"
#include "core/result.h"
#include "plugin/debugger.h"

namespace memsnap {

/// The first layout::Control of this version in all memory. For where no hook can be followed to it, as all that there
/// is before it is read. Errors: Code::not_found; Code::interrupted at Ctrl-C.
Result<Address> find_control(Debugger& debugger);

}  // namespace memsnap
