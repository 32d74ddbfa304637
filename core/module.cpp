#include "core/module.h"

#include <algorithm>

namespace memsnap {

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

ModuleId ModuleTable::intern(const Module& module) {
  const auto [entry, is_new] = ids_.try_emplace({module.path, module.build_id, module.variant},
                                                ModuleId{static_cast<std::uint32_t>(modules_.size())});
  if (is_new) {
    modules_.push_back(module);
  }
  return entry->second;
}

std::optional<ModuleId> ModuleTable::find(const Module& module) const {
  const auto entry = ids_.find({module.path, module.build_id, module.variant});
  return entry == ids_.end() ? std::nullopt : std::optional(entry->second);
}

const Module& ModuleTable::get(ModuleId id) const { return modules_.at(static_cast<std::size_t>(id)); }

void ModuleTable::set_debug_file(ModuleId id, std::string path) {
  auto& module = modules_.at(static_cast<std::size_t>(id));
  if (module.debug_file.empty()) {
    module.debug_file = std::move(path);
  }
}

ModuleMap::ModuleMap(std::vector<LoadedModule> modules) : modules_(std::move(modules)) {
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    for (const auto& range : modules_[i].segments) {
      spans_.push_back({range, i});
    }
  }
  std::ranges::sort(spans_, {}, [](const Span& span) { return span.range; });
}

const LoadedModule* ModuleMap::find(Address address) const {
  auto after = std::ranges::upper_bound(spans_, address, {}, [](const Span& span) { return span.range.begin; });
  if (after == spans_.begin() || !std::prev(after)->range.contains(address)) {
    return nullptr;
  }
  return &modules_[std::prev(after)->module];
}

Pc ModuleMap::to_pc(Address address) const {
  const auto* module = find(address);
  return module == nullptr ? Pc{ModuleId::none, address.value} : Pc{module->id, address.value - module->bias};
}

}  // namespace memsnap
