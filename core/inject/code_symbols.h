#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/address.h"
#include "core/inject/hook_plan.h"
#include "core/result.h"
#include "core/unwind/table.h"

namespace memsnap {

/// Code that was laid out in the inferior, as a debugger wants to know it.
struct LaidOutCode {
  std::string name;             ///< of its symbol
  AddressRange range;           ///< at run time
  std::vector<UnwindRow> rows;  ///< ascending, `begin` at run time; the first one begins where `range` does
};

/// The stub, the moved instructions and the landing of a hook. The moved ones are unwound as `table`, of the function's
/// module with its load bias, has it for where they were; nullptr where that has no rows.
std::vector<LaidOutCode> describe_hook(const HookPlan& plan, const std::string& function, const UnwindTable* table,
                                       std::uint64_t bias);

/// An ELF file with the symbols and the unwind information of such code, at the addresses where it is; of the code
/// itself it has nothing. In what it says of the stack it leaves out rows that are neither rsp_offset nor rbp_offset.
///
/// Errors: Code::io.
/// Source: System V gABI; LSB 5.0, .eh_frame; DWARF 5, 6.4.
Result<void> write_symbol_file(const std::string& path, std::span<const LaidOutCode> codes);

}  // namespace memsnap
