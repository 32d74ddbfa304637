#include "plugin/entry_points.h"

#include <algorithm>
#include <string>

#include "core/symbols/debug_file.h"

namespace memsnap {
namespace {

// Where distributions install separate debug files: a stripped program's own allocator is named only there.
constexpr std::string_view kDebugDirectory = "/usr/lib/debug";

}  // namespace

const ModuleEntryPoints& EntryPoints::of(ModuleId id) {
  const auto [entry, is_new] = by_module_.try_emplace(id);
  if (is_new) {
    const auto& module = modules_.get(id);
    if (const auto file = ElfFile::open(module.path); file && file->build_id() == module.build_id) {
      const std::string directory(kDebugDirectory);
      const auto debug = find_debug_file(module, &*file, {&directory, 1});
      entry->second = find_entry_points(*file, module.path, debug ? &debug->file : nullptr);
    }
  }
  return entry->second;
}

bool EntryPoints::is_operator_new(const Traceback& traceback) {
  if (traceback.frames.empty() || traceback.frames.front().pc.module == ModuleId::none) {
    return false;
  }
  const auto caller = traceback.frames.front().pc;
  return std::ranges::any_of(of(caller.module).operator_new,
                             [&](const AddressRange& code) { return code.contains(Address{caller.offset - 1}); });
}

}  // namespace memsnap
