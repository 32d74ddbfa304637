#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/elf/elf_file.h"
#include "core/module.h"
#include "core/symbols/dwarf_scopes.h"

namespace memsnap {

/// The files that describe one module, opened once: its own, and the one its debug information was split off to.
///
/// A file whose build id is not the module's is not used. No files at all is no error: then nothing is known.
class ModuleFiles {
 public:
  /// `directories`: where separate debug files are looked for, see find_debug_file.
  ModuleFiles(const Module& module, std::span<const std::string> directories);

  /// The module's own file first; those that are there. Valid as long as this object.
  const std::vector<const ElfFile*>& all() const { return all_; }
  /// The module's own file, which holds what is loaded; nullptr where it cannot be had.
  const ElfFile* own() const { return own_.get(); }
  /// The DWARF among them; nullptr where there is none.
  DwarfScopes* dwarf() { return dwarf_.get(); }

 private:
  std::unique_ptr<ElfFile> own_;
  std::unique_ptr<ElfFile> debug_;
  std::vector<const ElfFile*> all_;
  std::unique_ptr<DwarfScopes> dwarf_;  // reads one of the files
};

}  // namespace memsnap
