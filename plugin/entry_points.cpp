#include "plugin/entry_points.h"

#include <algorithm>
#include <string>

#include "core/symbols/debug_file.h"

namespace memsnap {
namespace {

// Where distributions install separate debug files: a stripped program's own allocator is named only there.
constexpr std::string_view kDebugDirectory = "/usr/lib/debug";

}  // namespace

// With a module's file and its debug file; not at all where the file is another one now.
template <typename Visit>
void EntryPoints::visit_files(ModuleId id, Visit visit) {
  const auto& module = modules_.get(id);
  if (const auto file = ElfFile::open(module.path); file && file->build_id() == module.build_id) {
    const std::string directory(kDebugDirectory);
    const auto debug = find_debug_file(module, &*file, {&directory, 1});
    visit(*file, module.path, debug ? &debug->file : nullptr);
  }
}

const ModuleEntryPoints& EntryPoints::of(ModuleId id) {
  const auto [entry, is_new] = by_module_.try_emplace(id);
  if (is_new) {
    visit_files(id, [&](const ElfFile& file, const std::string& path, const ElfFile* debug_file) {
      entry->second = find_entry_points(file, path, debug_file);
    });
  }
  return entry->second;
}

const std::deque<EntryPoint>& EntryPoints::own(ModuleId id) {
  auto& own = own_by_module_[id];
  const auto& functions = own_allocators_.functions();
  std::vector<const EntryPointSpec*> wanted;
  for (; own.looked_for < functions.size(); ++own.looked_for) {
    wanted.push_back(&functions[own.looked_for]);
  }
  if (!wanted.empty()) {
    const auto& known = of(id);
    visit_files(id, [&](const ElfFile& file, const std::string&, const ElfFile* debug_file) {
      std::ranges::move(find_own_entry_points(file, debug_file, wanted, known), std::back_inserter(own.entry_points));
    });
  }
  return own.entry_points;
}

bool EntryPoints::is_operator_new(const StoredFrame* caller) {
  return caller != nullptr && caller->pc.module != ModuleId::none &&
         std::ranges::any_of(of(caller->pc.module).operator_new,
                             [&](const AddressRange& code) { return code.contains(Address{caller->pc.offset - 1}); });
}

}  // namespace memsnap
