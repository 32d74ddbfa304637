#include "core/heap/type_catalog.h"

#include <dwarf.h>

#include "core/symbols/dwarf_unit.h"
#include "core/symbols/module_files.h"

namespace memsnap {

TypeCatalog::ModuleTypes& TypeCatalog::of(ModuleId module) {
  auto& found = modules_[module];
  if (!found) {
    found = std::make_unique<ModuleTypes>();
    if (module != ModuleId::none) {
      found->dwarf = symbolizer_.files(module).dwarf();
    }
    if (found->dwarf != nullptr) {
      found->index.emplace(found->dwarf->handle());
    }
  }
  return *found;
}

const Type* TypeCatalog::find(const std::string& name, const Pc& home) {
  auto& module = of(home.module);
  if (!module.index) {
    return nullptr;
  }
  const auto* unit = module.dwarf->unit_at(home.offset - 1);
  const auto die = module.index->find(name, unit == nullptr ? nullptr : &unit->die(), goes_on_);
  return die ? &module.types.read(*die) : nullptr;
}

const Type* TypeCatalog::find(const std::string& name, ModuleId module) {
  auto& types = of(module);
  const auto die = types.index ? types.index->find(name, nullptr, goes_on_) : std::nullopt;
  return die ? &types.types.read(*die) : nullptr;
}

std::string TypeCatalog::name_of(const Dwarf_Die& type, ModuleId module) {
  auto& types = of(module);
  return types.index ? types.index->name_of(type) : std::string();
}

const Vtables& TypeCatalog::vtables(ModuleId module) {
  auto& types = of(module);
  if (!types.vtables) {
    types.vtables = Vtables();
    if (module != ModuleId::none) {
      auto& files = symbolizer_.files(module);
      types.vtables = Vtables(files.all(), files.own());
    }
  }
  return *types.vtables;
}

std::vector<const Type*> TypeCatalog::classes_of_size(std::uint64_t size, const Pc& home) {
  std::vector<const Type*> classes;
  auto& module = of(home.module);
  const auto* unit = module.index ? module.dwarf->unit_at(home.offset - 1) : nullptr;
  if (unit == nullptr) {
    return classes;
  }
  for (const auto& [id, definition] : module.index->types_of(unit->die())) {
    auto die = definition;
    const int tag = dwarf_tag(&die);
    const bool is_class = tag == DW_TAG_class_type || tag == DW_TAG_structure_type;
    if (is_class && dwarf_bytesize(&die) == static_cast<std::int64_t>(size)) {
      classes.push_back(&module.types.read(die));
    }
  }
  return classes;
}

}  // namespace memsnap
