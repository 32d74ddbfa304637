#include "core/symbols/dwarf_scopes.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/symbols/dwarf_unit.h"
#include "core/symbols/interval_map.h"
#include "core/symbols/symbolizer.h"

namespace memsnap {

struct DwarfScopes::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    units.clear();
    dwarf_end(dwarf);
  }

  DwarfUnit& unit(const Dwarf_Die& die);
  void index_units();
  std::string name(Dwarf_Die die, std::string_view symbol);

  Dwarf* dwarf = nullptr;
  std::vector<AddressRange> code;
  bool is_indexed = false;
  IntervalMap<std::uint32_t> ranges;  // to unit_dies
  std::vector<Dwarf_Die> unit_dies;
  std::unordered_map<const void*, std::unique_ptr<DwarfUnit>> units;  // by the unit DIE
};

DwarfUnit& DwarfScopes::State::unit(const Dwarf_Die& die) {
  auto& found = units[die.addr];
  if (!found) {
    found = std::make_unique<DwarfUnit>(die, code);
  }
  return *found;
}

// From the units' own ranges: .debug_aranges would be shorter to read, but not all compilers write it.
void DwarfScopes::State::index_units() {
  is_indexed = true;
  Dwarf_CU* unit = nullptr;
  std::uint8_t type = 0;
  Dwarf_Die die;
  while (dwarf_get_units(dwarf, unit, &unit, nullptr, &type, &die, nullptr) == 0) {
    if (type != DW_UT_compile && type != DW_UT_skeleton) {
      continue;
    }
    const auto index = static_cast<std::uint32_t>(unit_dies.size());
    unit_dies.push_back(die);
    Dwarf_Addr base = 0;
    Dwarf_Addr begin = 0;
    Dwarf_Addr end = 0;
    for (std::ptrdiff_t at = 0; (at = dwarf_ranges(&die, at, &base, &begin, &end)) > 0;) {
      if (std::ranges::any_of(code, [&](const auto& range) { return range.contains({begin}); })) {
        ranges.assign(begin, end, index);
      }
    }
  }
}

std::string DwarfScopes::State::name(Dwarf_Die die, std::string_view symbol) {
  Dwarf_Attribute attribute;
  for (const unsigned wanted : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    const char* text = dwarf_formstring(dwarf_attr_integrate(&die, wanted, &attribute));
    if (text != nullptr && *text != '\0') {
      return demangle(text);
    }
  }
  if (symbol.starts_with("_Z")) {
    // Behind a dot stands which of the compiler's copies it is (.constprop.0, .cold): the same function in the source.
    return demangle(std::string(symbol.substr(0, symbol.find('.'))));
  }
  const char* text = dwarf_formstring(dwarf_attr_integrate(&die, DW_AT_name, &attribute));
  if (text == nullptr || *text == '\0') {
    return std::string(symbol);
  }
  // What a function is called stands where it was declared, and so does what it is declared in.
  constexpr int kLongestChain = 8;
  for (int i = 0; i < kLongestChain; ++i) {
    Dwarf_Die origin;
    if (dwarf_formref_die(dwarf_attr(&die, DW_AT_abstract_origin, &attribute), &origin) == nullptr &&
        dwarf_formref_die(dwarf_attr(&die, DW_AT_specification, &attribute), &origin) == nullptr) {
      break;
    }
    die = origin;
  }
  Dwarf_Die home;
  if (dwarf_diecu(&die, &home, nullptr, nullptr) == nullptr) {
    return demangle(text);
  }
  return demangle(unit(home).qualifier(die) + text);
}

DwarfScopes::DwarfScopes(std::unique_ptr<State> state) : state_(std::move(state)) {}
DwarfScopes::DwarfScopes(DwarfScopes&&) noexcept = default;
DwarfScopes& DwarfScopes::operator=(DwarfScopes&&) noexcept = default;
DwarfScopes::~DwarfScopes() = default;

Result<DwarfScopes> DwarfScopes::open(const ElfFile& file) {
  auto state = std::make_unique<State>();
  state->dwarf = file.has_debug_info() ? dwarf_begin_elf(file.handle(), DWARF_C_READ, nullptr) : nullptr;
  if (state->dwarf == nullptr) {
    return fail(Code::not_found, "no debug information in this file");
  }
  state->code = file.code();
  return DwarfScopes(std::move(state));
}

Dwarf* DwarfScopes::handle() const { return state_->dwarf; }

std::string DwarfScopes::function_name(const Dwarf_Die& function) { return state_->name(function, {}); }

DwarfUnit* DwarfScopes::unit_at(std::uint64_t address) {
  if (!state_->is_indexed) {
    state_->index_units();
  }
  const auto* index = state_->ranges.find(address);
  return index == nullptr ? nullptr : &state_->unit(state_->unit_dies[*index]);
}

std::vector<AddressRange> DwarfScopes::inlined_code(std::uint64_t address,
                                                    const std::function<bool(const std::string&)>& is_wanted) {
  const auto* unit = unit_at(address);
  const auto* scope = unit == nullptr ? nullptr : unit->find(address);
  for (; scope != nullptr && scope->caller != nullptr; scope = scope->caller) {
    if (scope->is_inlined && is_wanted(state_->name(scope->die, {}))) {
      return DwarfUnit::code_of(*scope);
    }
  }
  return {};
}

std::vector<ScopeFrame> DwarfScopes::find(std::uint64_t address, std::string_view symbol) {
  std::vector<ScopeFrame> frames;
  auto* const known = unit_at(address);
  if (known == nullptr) {
    return frames;
  }
  auto& unit = *known;
  auto place = unit.line(address);
  const auto* scope = unit.find(address);
  if (scope == nullptr && place) {
    frames.push_back({{}, place->file, place->line, false, 0});
  }
  for (; scope != nullptr; scope = scope->caller) {
    const bool is_inlined = scope->is_inlined && scope->caller != nullptr;
    ScopeFrame frame;
    frame.function = state_->name(scope->die, is_inlined ? std::string_view() : symbol);
    frame.inlined = is_inlined;
    if (place) {
      frame.file = std::move(place->file);
      frame.line = place->line;
    }
    frame.begin = is_inlined ? 0 : DwarfUnit::begin_of(*scope, address);
    frames.push_back(std::move(frame));
    place = unit.call_site(*scope);
  }
  return frames;
}

}  // namespace memsnap
