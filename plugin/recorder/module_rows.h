#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/module.h"
#include "core/recorder/row_image.h"
#include "plugin/recorder/inferior_arena.h"
#include "plugin/unwind_tables.h"

namespace memsnap {

/// A module's rows in the inferior's memory, where the recorder finds them.
struct UploadedRows {
  std::uint64_t first = 0;  ///< as the file counts
  Address rows;             ///< 0 where the module has none
  Address index;
  std::uint32_t row_count = 0;
  std::uint32_t index_count = 0;
};

/// Memory of the inferior for a layout::ModuleList.
struct ModuleListRoom {
  Address address;
  std::size_t size = 0;
};

/// What is to be known of all that is uploaded by who goes on with it.
struct RowNotes {
  std::vector<std::pair<Module, UploadedRows>> modules;
  std::array<ModuleListRoom, 2> lists;
  std::size_t next_list = 0;  ///< of `lists`, that is not in use
};

/// The unwind rows of the mapped modules, in the inferior's memory for the recorder to walk with.
class ModuleRows {
 public:
  ModuleRows(Debugger& debugger, InferiorArena& arena, UnwindTables& tables)
      : debugger_(debugger), arena_(arena), tables_(tables) {}

  /// Puts the rows of modules there that are not yet, and a new layout::ModuleList: returns where. The list before
  /// this one stays as it is; the one before that is overwritten.
  Result<Address> update(const ModuleMap& modules, const ModuleTable& names);

  RowNotes notes(const ModuleTable& names) const;
  /// Goes on with what an earlier debugger uploaded.
  void adopt(RowNotes notes);

 private:
  Result<const UploadedRows*> upload(ModuleId id, const ModuleTable& names);

  Debugger& debugger_;
  InferiorArena& arena_;
  UnwindTables& tables_;
  std::unordered_map<ModuleId, UploadedRows> uploaded_;
  RowNotes known_;  // the modules are those that were adopted
};

}  // namespace memsnap
