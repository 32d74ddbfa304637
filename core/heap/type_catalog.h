#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/heap/dwarf_types.h"
#include "core/heap/type_index.h"
#include "core/heap/vtables.h"
#include "core/symbols/dwarf_scopes.h"
#include "core/symbols/symbolizer.h"

namespace memsnap {

/// The types that the modules' files tell of. Opened on first use and kept.
///
/// Lifetime: borrows the symbolizer, whose files it reads.
class TypeCatalog {
 public:
  explicit TypeCatalog(Symbolizer& symbolizer) : symbolizer_(symbolizer) {}

  /// While work on types is under way: called now and then, false ends a search, which then has found nothing.
  void set_goes_on(TypeIndex::GoesOn goes_on) { goes_on_ = std::move(goes_on); }
  bool goes_on() const { return !goes_on_ || goes_on_(); }

  /// The type that code at `home` means by a canonical name; nullptr where the module does not know it whole.
  const Type* find(const std::string& name, const Pc& home);
  /// The type of this name in a module.
  const Type* find(const std::string& name, ModuleId module);
  /// The canonical name of a type's DIE in a module; empty where it cannot be told.
  std::string name_of(const Dwarf_Die& type, ModuleId module);

  const Vtables& vtables(ModuleId module);
  Symbolizer& symbolizer() { return symbolizer_; }
  /// The classes of this size that the unit whose code is at `home` defines.
  std::vector<const Type*> classes_of_size(std::uint64_t size, const Pc& home);

 private:
  struct ModuleTypes {
    DwarfScopes* dwarf = nullptr;
    std::optional<TypeIndex> index;  // where there is DWARF
    DwarfTypes types;
    std::optional<Vtables> vtables;
  };
  ModuleTypes& of(ModuleId module);

  Symbolizer& symbolizer_;
  TypeIndex::GoesOn goes_on_;
  std::unordered_map<ModuleId, std::unique_ptr<ModuleTypes>> modules_;
};

}  // namespace memsnap
