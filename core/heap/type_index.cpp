#include "core/heap/type_index.h"

#include <dwarf.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "core/heap/type_name.h"

namespace memsnap {
namespace {

constexpr const char* kAnonymous = "(anonymous namespace)";

const char* name_in(Dwarf_Die die) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr(&die, DW_AT_name, &attribute));
}

bool is_declaration(Dwarf_Die die) { return dwarf_hasattr(&die, DW_AT_declaration) != 0; }

bool is_cxx(Dwarf_Die unit) {
  switch (dwarf_srclang(&unit)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
      return true;
    default:
      return false;
  }
}

bool is_class(int tag) {
  return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
         tag == DW_TAG_interface_type;
}

bool is_type(int tag) {
  return is_class(tag) || tag == DW_TAG_enumeration_type || tag == DW_TAG_typedef || tag == DW_TAG_base_type;
}

}  // namespace

Dwarf_Die contents_of(Dwarf_Die unit) {
  Dwarf_Die split{};
  if (dwarf_cu_info(unit.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
      dwarf_tag(&split) == DW_TAG_compile_unit) {
    return split;
  }
  return unit;
}

TypeIndex::TypeIndex(Dwarf* dwarf) : dwarf_(dwarf) { intern({}); }

std::optional<Dwarf_Die> TypeIndex::find(const std::string& name, const Dwarf_Die* home, const GoesOn& goes_on) {
  const bool is_unique = name.find(kAnonymous) == std::string::npos;
  if (home != nullptr && (!is_unique || !is_cxx(*home))) {
    if (auto found = find_at_home(*home, name)) {
      return found;
    }
  }
  // The unit that speaks of it has it most likely.
  if (home != nullptr && definition(name) == nullptr) {
    read_once(contents_of(*home));
  }
  for (;;) {
    if (const auto* found = definition(name); found != nullptr && (has_all_ || is_unique)) {
      return !found->is_ambiguous ? std::optional(found->die)
             : home != nullptr    ? find_at_home(*home, name)
                                  : std::nullopt;
    }
    if (goes_on && !goes_on()) {
      return std::nullopt;
    }
    if (!read_next_unit()) {
      return home != nullptr ? find_by_value(types_of(*home), name) : std::nullopt;
    }
  }
}

const TypeIndex::Definition* TypeIndex::definition(const std::string& name) const {
  const auto id = ids_.find(name);
  const auto found = id == ids_.end() ? types_.end() : types_.find(id->second);
  return found == types_.end() ? nullptr : &found->second;
}

std::optional<Dwarf_Die> TypeIndex::find_at_home(const Dwarf_Die& unit, const std::string& name) {
  const auto& types = types_of(unit);
  const auto id = ids_.find(name);
  if (id == ids_.end()) {
    return std::nullopt;
  }
  const auto found = std::ranges::lower_bound(types, id->second, {}, &UnitTypes::value_type::first);
  return found == types.end() || found->first != id->second ? std::nullopt : std::optional(found->second);
}

// Compilers name an enumeration's value in template arguments each in its way, `(Kind)2` or `Kind::two`: the type that
// is the same but for that, where there is just one.
std::optional<Dwarf_Die> TypeIndex::find_by_value(const UnitTypes& types, const std::string& name) const {
  const auto wanted = template_arguments(name);
  const auto is_value = [](std::string_view argument) {
    return argument.starts_with('(') && !argument.starts_with(kAnonymous);
  };
  std::optional<Dwarf_Die> found;
  if (std::ranges::none_of(wanted, is_value)) {
    return found;
  }
  for (const auto& [id, die] : types) {
    const std::string_view other = this->name(id);
    const auto is_same = [&](std::string_view a, std::string_view b) { return a == b || is_value(a); };
    if (template_name(other) == template_name(name) && std::ranges::equal(wanted, template_arguments(other), is_same)) {
      if (found) {
        return std::nullopt;
      }
      found = die;
    }
  }
  return found;
}

std::string TypeIndex::name_of(Dwarf_Die type) {
  Dwarf_Die unit;
  Dwarf_Die referred;
  Dwarf_Attribute attribute;
  if (dwarf_tag(&type) == DW_TAG_pointer_type) {
    if (dwarf_formref_die(dwarf_attr(&type, DW_AT_type, &attribute), &referred) == nullptr) {
      return "void*";
    }
    auto pointee = name_of(referred);
    return pointee.empty() ? pointee : pointee + "*";
  }
  if (!is_type(dwarf_tag(&type)) || dwarf_diecu(&type, &unit, nullptr, nullptr) == nullptr) {
    return {};
  }
  const auto& names = home_of(unit).names;
  const auto found = std::ranges::lower_bound(names, type.addr, std::less<>(), &std::pair<const void*, NameId>::first);
  return found == names.end() || found->first != type.addr ? std::string() : name(found->second);
}

const TypeIndex::Home& TypeIndex::home_of(const Dwarf_Die& unit) {
  const auto contents = contents_of(unit);
  const auto [entry, is_new] = homes_.try_emplace(contents.addr);
  if (is_new) {
    auto& home = entry->second;
    read(contents, &home);
    // Of several the first counts.
    std::ranges::stable_sort(home.types, {}, &UnitTypes::value_type::first);
    std::ranges::sort(home.names);
    home.types.shrink_to_fit();
    home.names.shrink_to_fit();
  }
  return entry->second;
}

bool TypeIndex::read_next_unit() {
  Dwarf_Die unit;
  std::uint8_t kind = 0;
  if (has_all_ || dwarf_get_units(dwarf_, last_unit_, &last_unit_, nullptr, &kind, &unit, nullptr) != 0) {
    has_all_ = true;
    return false;
  }
  read_once(contents_of(unit));
  return true;
}

void TypeIndex::read_once(const Dwarf_Die& contents) {
  if (read_.insert(contents.addr).second) {
    read(contents, nullptr);
  }
}

void TypeIndex::read(const Dwarf_Die& contents, Home* home) {
  std::vector<Level> pending(1);
  auto top = contents;
  if (dwarf_child(&top, &pending.back().die) != 0) {
    return;
  }
  // A DIE lies behind its parent and its elder siblings: with that checked, no malformed tree keeps this going.
  while (!pending.empty()) {
    auto level = pending.back();
    pending.pop_back();
    const auto inside = enter(level, home);
    auto next = level;
    if (dwarf_siblingof(&level.die, &next.die) == 0 && next.die.addr > level.die.addr) {
      pending.push_back(next);
    }
    Level child;
    if (inside && dwarf_child(&level.die, &child.die) == 0 && child.die.addr > level.die.addr) {
      child.parent = *inside;
      pending.push_back(child);
    }
  }
}

std::optional<TypeIndex::NameId> TypeIndex::enter(const Level& level, Home* home) {
  auto die = level.die;
  const int tag = dwarf_tag(&die);
  const bool is_namespace = tag == DW_TAG_namespace || tag == DW_TAG_module;
  if (!is_namespace && !is_type(tag)) {
    return std::nullopt;
  }
  const char* name = name_in(die);
  if (is_namespace) {
    return scope(level.parent, name == nullptr ? kAnonymous : name);
  }
  if (name == nullptr) {
    return std::nullopt;
  }
  const auto self = scope(level.parent, name);
  const bool is_defined = !is_declaration(die);
  if (home == nullptr && is_defined) {
    define(self, die);
  } else if (home != nullptr) {
    home->names.emplace_back(die.addr, self);
    if (is_defined) {
      home->types.emplace_back(self, die);
    }
  }
  return is_class(tag) ? std::optional(self) : std::nullopt;
}

void TypeIndex::define(NameId id, const Dwarf_Die& die) {
  auto copy = die;
  const std::int64_t size = dwarf_tag(&copy) == DW_TAG_typedef ? -1 : dwarf_bytesize(&copy);
  const auto [entry, is_new] = types_.try_emplace(id, Definition{die, size, false});
  if (!is_new && entry->second.size != size) {
    // C names a struct and gives a typedef the same name: that is one type.
    const bool one_is_typedef = entry->second.size < 0 || size < 0;
    if (entry->second.size < 0) {
      entry->second.die = die;
      entry->second.size = size;
    }
    entry->second.is_ambiguous |= !one_is_typedef;
  }
}

TypeIndex::NameId TypeIndex::scope(NameId parent, const char* name) {
  const Key key{parent, name};
  if (const auto known = scopes_.find(key); known != scopes_.end()) {
    return known->second;
  }
  auto own = name == kAnonymous ? std::string(name) : canonical_type_name(name);
  const auto id = intern(parent == 0 ? std::move(own) : this->name(parent) + "::" + own);
  scopes_.emplace(key, id);
  return id;
}

TypeIndex::NameId TypeIndex::intern(std::string name) {
  const auto [entry, is_new] = ids_.try_emplace(std::move(name), static_cast<NameId>(names_.size()));
  if (is_new) {
    names_.push_back(&entry->first);
  }
  return entry->second;
}

}  // namespace memsnap
