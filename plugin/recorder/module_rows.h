#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "core/module.h"
#include "core/recorder/row_image.h"
#include "plugin/recorder/inferior_arena.h"
#include "plugin/unwind_tables.h"

namespace memsnap {

/// The unwind rows of the mapped modules, in the inferior's memory for the recorder to walk with.
class ModuleRows {
 public:
  ModuleRows(Debugger& debugger, InferiorArena& arena, UnwindTables& tables)
      : debugger_(debugger), arena_(arena), tables_(tables) {}

  /// Puts the rows of modules there that are not yet, and a new layout::ModuleList: returns where. The list before
  /// this one stays as it is; the one before that is overwritten.
  Result<Address> update(const ModuleMap& modules);

 private:
  struct Uploaded {
    std::uint64_t first = 0;  // as the file counts
    Address rows;
    Address index;
    std::uint32_t row_count = 0;
    std::uint32_t index_count = 0;
  };
  struct List {
    Address address;
    std::size_t size = 0;
  };

  Result<const Uploaded*> upload(ModuleId id);

  Debugger& debugger_;
  InferiorArena& arena_;
  UnwindTables& tables_;
  std::unordered_map<ModuleId, Uploaded> uploaded_;
  List lists_[2];
  std::size_t next_list_ = 0;
};

}  // namespace memsnap
