#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/module.h"
#include "plugin/debugger.h"
#include "plugin/recorder/hooks.h"
#include "plugin/unwind_tables.h"

namespace memsnap {

/// Lets the debugger's own tracebacks pass through what was laid out for hooks. The debugger wants files for it: they
/// are kept to the end of the debugger, where they are deleted.
class StubSymbols {
 public:
  StubSymbols(Debugger& debugger, UnwindTables& tables) : debugger_(debugger), tables_(tables) {}

  /// Tells of the hooks that it has not been told of. Whatever fails, only names in a traceback are missing.
  void tell(const std::vector<Hook>& hooks, const ModuleMap& modules);

 private:
  Debugger& debugger_;
  UnwindTables& tables_;
  std::set<Address> told_;  // stubs
};

}  // namespace memsnap
