#pragma once

#include <memory>
#include <optional>
#include <string>

#include "plugin/core_engine.h"

namespace memsnap {

/// The core file that the debugger has open, from one command to the next.
class CoreFile {
 public:
  /// Borrows everything for its life.
  CoreFile(Debugger& debugger, Recording& recording, EntryPoints& entry_points, UnwindTables& tables);

  /// What was recorded in the process that the core file is of: looked for when another one has been opened. Asked
  /// while the debugger has one open. Errors: as CoreEngine's.
  Result<Engine*> engine();

  /// Whether what engine() gave last knows no blocks that are older than `memsnap start`.
  bool since_start_only() const { return engine_ && !engine_->is_from_process_start(); }

 private:
  Result<void> open();

  Debugger& debugger_;
  Recording& recording_;
  EntryPoints& entry_points_;
  UnwindTables& unwind_tables_;
  std::optional<std::string> instance_;
  std::unique_ptr<CoreEngine> engine_;
  Result<void> opened_;
};

}  // namespace memsnap
