#include "plugin/unwind_tables.h"

#include <utility>

#include "core/elf/elf_file.h"
#include "core/unwind/table.h"

namespace memsnap {

const UnwindTable* UnwindTables::table(ModuleId id) {
  const auto [entry, is_new] = tables_.try_emplace(id);
  if (is_new) {
    const auto& module = modules_.get(id);
    auto file = ElfFile::open(module.path);
    // A file that was replaced since it was mapped describes other code.
    if (file && file->build_id() == module.build_id) {
      if (auto compiled = compile_unwind_table(*file)) {
        entry->second = std::move(*compiled);
      }
    }
  }
  return entry->second ? &*entry->second : nullptr;
}

std::size_t UnwindTables::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [id, table] : tables_) {
    bytes += table ? table->memory_bytes() : 0;
  }
  return bytes;
}

}  // namespace memsnap
