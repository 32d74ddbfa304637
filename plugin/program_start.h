#pragma once

#include "core/module.h"
#include "plugin/debugger.h"
#include "plugin/unwind_tables.h"

namespace memsnap {

/// Whether no code of the program has run yet, so that it cannot have allocated anything: its only thread is in the
/// dynamic loader, which nothing has called, or at the first instructions of a static program. False also where that
/// cannot be told.
bool is_at_program_start(Debugger& debugger, const ModuleMap& modules, const ModuleTable& names, UnwindTables& tables);

}  // namespace memsnap
