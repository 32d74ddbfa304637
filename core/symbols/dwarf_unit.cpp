#include "core/symbols/dwarf_unit.h"

#include <dwarf.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

namespace memsnap {
namespace {

std::optional<std::uint32_t> number(Dwarf_Die die, unsigned attribute) {
  Dwarf_Attribute found;
  Dwarf_Word value = 0;
  if (dwarf_attr(&die, attribute, &found) == nullptr || dwarf_formudata(&found, &value) != 0 || value > 0xffffffffU) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(value);
}

template <typename Visit>
void for_each_range(Dwarf_Die die, Visit visit) {
  Dwarf_Addr base = 0;
  Dwarf_Addr begin = 0;
  Dwarf_Addr end = 0;
  for (std::ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &begin, &end)) > 0;) {
    visit(begin, end);
  }
}

// One step of a qualified name, also for what has no name.
std::string segment(Dwarf_Die die) {
  Dwarf_Attribute attribute;
  // A definition apart from its declaration has its name there.
  const char* name = dwarf_formstring(dwarf_attr_integrate(&die, DW_AT_name, &attribute));
  switch (dwarf_tag(&die)) {
    case DW_TAG_namespace:
    case DW_TAG_module:
      return name == nullptr ? "(anonymous namespace)" : name;
    case DW_TAG_subprogram:
      return name == nullptr ? "(anonymous function)" : std::string(name) + "()";
    case DW_TAG_union_type:
      return name == nullptr ? "(anonymous union)" : name;
    default:
      return name == nullptr ? "(anonymous class)" : name;
  }
}

}  // namespace

DwarfUnit::DwarfUnit(Dwarf_Die unit, std::span<const AddressRange> code) : unit_(unit), code_(code) {
  enclosing_.push_back({unit, 0});
  Dwarf_Die split{};
  if (dwarf_cu_info(unit.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
      dwarf_tag(&split) == DW_TAG_compile_unit) {
    index(split);
  } else {
    index(unit);
  }
}

void DwarfUnit::index(Dwarf_Die top) {
  std::vector<Level> pending(1);
  if (dwarf_child(&top, &pending.back().die) != 0) {
    return;
  }
  // Each DIE takes a byte or more, and lies behind its parent and elder siblings: with both checked, no malformed
  // tree keeps this going.
  Dwarf_Off unit_end = 0;
  std::uint64_t left = std::uint64_t{1} << 32;
  const auto offset = dwarf_dieoffset(&top) - dwarf_cuoffset(&top);
  if (dwarf_nextcu(dwarf_cu_getdwarf(top.cu), offset, &unit_end, nullptr, nullptr, nullptr, nullptr) == 0) {
    left = unit_end - offset;
  }
  while (!pending.empty() && left-- > 0) {
    auto level = pending.back();
    pending.pop_back();
    const auto inside = enter(level);
    auto child = inside.value_or(Level{});
    auto next = level;
    if (dwarf_siblingof(&level.die, &next.die) == 0 && next.die.addr > level.die.addr) {
      pending.push_back(next);
    }
    if (inside && dwarf_child(&level.die, &child.die) == 0 && child.die.addr > level.die.addr) {
      pending.push_back(child);
    }
  }
}

std::optional<DwarfUnit::Level> DwarfUnit::enter(const Level& level) {
  auto inside = level;
  const auto enclose = [&] {
    inside.enclosing = static_cast<std::uint32_t>(enclosing_.size());
    enclosing_.push_back({level.die, level.enclosing});
  };
  const int tag = dwarf_tag(&inside.die);
  switch (tag) {
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine: {
      const bool is_inlined = tag == DW_TAG_inlined_subroutine;
      if (!is_inlined && level.enclosing != 0) {
        enclosing_of_.emplace(level.die.addr, level.enclosing);
      }
      if (!is_inlined && dwarf_haschildren(&inside.die)) {
        enclose();
      }
      scopes_.push_back({level.die, is_inlined ? level.scope : nullptr, is_inlined});
      if (add_ranges(scopes_.back())) {
        inside.scope = &scopes_.back();
        return inside;
      }
      scopes_.pop_back();
      if (!is_inlined) {
        inside.scope = nullptr;
      }
      return inside;
    }
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
      enclose();
      return inside;
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
      return inside;
    default:
      return std::nullopt;
  }
}

bool DwarfUnit::add_ranges(const Scope& scope) {
  bool added = false;
  for_each_range(scope.die, [&](std::uint64_t begin, std::uint64_t end) {
    if (begin < end && std::ranges::any_of(code_, [&](const auto& range) { return range.contains({begin}); })) {
      ranges_.assign(begin, end, &scope);
      added = true;
    }
  });
  return added;
}

std::uint64_t DwarfUnit::begin_of(const Scope& scope, std::uint64_t address) {
  auto result = address;
  for_each_range(scope.die, [&](std::uint64_t begin, std::uint64_t end) {
    if (begin <= address && address < end) {
      result = begin;
    }
  });
  return result;
}

std::vector<AddressRange> DwarfUnit::code_of(const Scope& scope) {
  std::vector<AddressRange> code;
  for_each_range(scope.die, [&](std::uint64_t begin, std::uint64_t end) {
    if (begin < end) {
      code.push_back({{begin}, {end}});
    }
  });
  return code;
}

const DwarfUnit::Scope* DwarfUnit::find(std::uint64_t address) const {
  const auto* found = ranges_.find(address);
  return found == nullptr ? nullptr : *found;
}

std::optional<SourcePlace> DwarfUnit::line(std::uint64_t address) {
  Dwarf_Lines* lines = nullptr;
  std::size_t count = 0;
  if (dwarf_getsrclines(&unit_, &lines, &count) != 0) {
    return std::nullopt;
  }
  const auto address_at = [&](std::size_t i) {
    Dwarf_Addr value = 0;
    dwarf_lineaddr(dwarf_onesrcline(lines, i), &value);
    return value;
  };
  // The last row at or below the address; libdw keeps them sorted.
  std::size_t low = 0;
  for (auto high = count; low < high;) {
    const auto middle = low + (high - low) / 2;
    if (address_at(middle) <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // Line 0 marks code that the compiler made of no line or several: what the same function did before is as near as
  // one can say.
  const auto* scope = find(address);
  for (auto i = low; i-- > 0;) {
    auto* row = dwarf_onesrcline(lines, i);
    bool is_end = false;
    int number_found = 0;
    if (dwarf_lineendsequence(row, &is_end) != 0 || is_end || dwarf_lineno(row, &number_found) != 0) {
      return std::nullopt;
    }
    const bool is_in_force = i + 1 == low;
    if (number_found > 0 && (is_in_force || find(address_at(i)) == scope)) {
      return SourcePlace{path(dwarf_linesrc(row, nullptr, nullptr)), static_cast<std::uint32_t>(number_found)};
    }
  }
  return std::nullopt;
}

std::optional<SourcePlace> DwarfUnit::call_site(const Scope& scope) {
  const auto line = number(scope.die, DW_AT_call_line);
  const auto file = number(scope.die, DW_AT_call_file);
  auto die = scope.die;
  Dwarf_Die unit;
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (!line || *line == 0 || !file || dwarf_diecu(&die, &unit, nullptr, nullptr) == nullptr ||
      dwarf_getsrcfiles(&unit, &files, &count) != 0) {
    return std::nullopt;
  }
  // libdw fills the entry 0 that tables before DWARF 5 do not have, so that the number is the index in all versions.
  const char* name = *file < count ? dwarf_filesrc(files, *file, nullptr, nullptr) : nullptr;
  if (name == nullptr || std::string_view(name) == "???") {
    return std::nullopt;
  }
  return SourcePlace{path(name), *line};
}

std::string DwarfUnit::path(const char* name) {
  if (name == nullptr) {
    return {};
  }
  std::filesystem::path result(name);
  if (result.is_relative()) {
    Dwarf_Attribute attribute;
    const char* folder = dwarf_formstring(dwarf_attr(&unit_, DW_AT_comp_dir, &attribute));
    // libdw has put a relative folder in front already.
    if (folder != nullptr && *folder == '/') {
      result = folder / result;
    }
  }
  return result.lexically_normal().string();
}

std::string DwarfUnit::qualifier(const Dwarf_Die& subprogram) const {
  std::string result;
  const auto found = enclosing_of_.find(subprogram.addr);
  for (auto i = found == enclosing_of_.end() ? 0 : found->second; i != 0; i = enclosing_[i].parent) {
    result.insert(0, segment(enclosing_[i].die) + "::");
  }
  return result;
}

}  // namespace memsnap
