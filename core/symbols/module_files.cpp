#include "core/symbols/module_files.h"

#include <utility>

#include "core/symbols/debug_file.h"

namespace memsnap {

ModuleFiles::ModuleFiles(const Module& module, std::span<const std::string> directories) {
  if (auto file = ElfFile::open(module.path);
      file && (module.build_id.empty() || file->build_id() == module.build_id)) {
    own_ = std::make_unique<ElfFile>(std::move(*file));
  }
  const bool has_own = own_ && own_->has_debug_info();
  if (auto debug = has_own ? fail(Code::not_found, {}) : find_debug_file(module, own_.get(), directories)) {
    debug_ = std::make_unique<ElfFile>(std::move(debug->file));
  }
  for (const auto* file : {own_.get(), debug_.get()}) {
    if (file != nullptr) {
      all_.push_back(file);
    }
  }
  if (!all_.empty()) {
    if (auto dwarf = DwarfScopes::open(*all_.back())) {
      dwarf_ = std::make_unique<DwarfScopes>(std::move(*dwarf));
    }
  }
}

}  // namespace memsnap
