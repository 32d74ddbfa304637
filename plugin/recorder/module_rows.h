#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

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

/// All that is uploaded, as who goes on with it must know it.
struct RowNotes {
  std::map<std::pair<std::string, std::string>, UploadedRows> modules;  ///< by path and build id
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

  const RowNotes& notes() const { return uploaded_; }
  /// Goes on with what an earlier debugger uploaded, but for modules without a build id: those may be others by now.
  void adopt(RowNotes notes);

 private:
  Result<const UploadedRows*> upload(ModuleId id, const Module& module);

  Debugger& debugger_;
  InferiorArena& arena_;
  UnwindTables& tables_;
  RowNotes uploaded_;
};

}  // namespace memsnap
