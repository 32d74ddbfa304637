#include "plugin/core_file.h"

#include <utility>

namespace memsnap {

CoreFile::CoreFile(Debugger& debugger, Recording& recording, EntryPoints& entry_points, UnwindTables& tables)
    : debugger_(debugger), recording_(recording), entry_points_(entry_points), unwind_tables_(tables) {}

Result<Engine*> CoreFile::engine() {
  if (auto instance = debugger_.program_instance(); instance != instance_) {
    instance_ = std::move(instance);
    opened_ = open();
  }
  if (!opened_ && opened_.error().code == Code::interrupted) {
    instance_.reset();  // the next command tries again
  }
  return opened_ ? Result<Engine*>(engine_.get()) : std::unexpected(opened_.error());
}

Result<void> CoreFile::open() {
  engine_ = std::make_unique<CoreEngine>(debugger_, recording_, entry_points_, unwind_tables_);
  if (auto found = engine_->modules_changed(map_modules(debugger_, recording_.modules)); !found) {
    return found;
  }
  // One that was cut off is better known of now than in the middle of a table.
  const auto now = engine_->now();
  return now ? Result<void>() : std::unexpected(now.error());
}

}  // namespace memsnap
