#pragma once

#include <vector>

#include "core/unwind/fde_list.h"
#include "core/unwind/table.h"

namespace memsnap {

/// Runs an FDE's program that is as compilers write them: a CFA at rsp or rbp, registers saved below it, the return
/// address at CFA - 8. False for any other, of which libdw knows more; `rows` then is of no use. Otherwise it has one
/// row for each stretch of the FDE's code, from its first address on.
///
/// Source: DWARF 5, 6.4.2 and 6.4.3.
bool run_plain_program(const Fde& fde, std::vector<UnwindRow>& rows);

}  // namespace memsnap
