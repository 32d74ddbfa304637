#include "core/symbols/stack_variable.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "core/symbols/dwarf_unit.h"

namespace memsnap {
namespace {

constexpr int kDeepestBlock = 64;  // blocks in one another that are followed

// What a location says at `address` where it is one operation; nullptr else.
const Dwarf_Op* only_operation(Dwarf_Die die, unsigned attribute_name, std::uint64_t address) {
  Dwarf_Attribute attribute;
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  const auto* found = dwarf_attr_integrate(&die, attribute_name, &attribute);
  return found != nullptr && dwarf_getlocation_addr(&attribute, address, &operations, &count, 1) == 1 && count == 1
             ? operations
             : nullptr;
}

// Where a function's frame base is, from its CFA on; nullopt where that takes more to tell.
std::optional<std::int64_t> frame_base(const Dwarf_Die& function, std::uint64_t address) {
  const auto* base = only_operation(function, DW_AT_frame_base, address);
  if (base == nullptr) {
    return std::nullopt;
  }
  constexpr std::int64_t kRbp = -16;
  switch (base->atom) {
    case DW_OP_call_frame_cfa:
      return 0;
    case DW_OP_reg6:
      return kRbp;
    case DW_OP_breg6:
      return kRbp + static_cast<std::int64_t>(base->number);
    default:
      return std::nullopt;
  }
}

std::uint64_t size_of(Dwarf_Die variable) {
  Dwarf_Attribute attribute;
  Dwarf_Die type;
  Dwarf_Word size = 0;
  const bool is_known = dwarf_formref_die(dwarf_attr_integrate(&variable, DW_AT_type, &attribute), &type) != nullptr &&
                        dwarf_aggregate_size(&type, &size) == 0;
  return is_known ? size : 0;
}

// Looks for one variable in a function and the blocks in it.
class Search {
 public:
  Search(std::uint64_t address, std::int64_t from_base) : address_(address), from_base_(from_base) {}

  std::optional<StackVariable> in(Dwarf_Die scope, int depth) {
    std::optional<StackVariable> found;
    Dwarf_Die child;
    for (auto more = dwarf_child(&scope, &child); more == 0; more = dwarf_siblingof(&child, &child)) {
      const auto tag = dwarf_tag(&child);
      if (tag == DW_TAG_lexical_block && depth < kDeepestBlock && dwarf_haspc(&child, address_) > 0) {
        if (auto inner = in(child, depth + 1)) {
          return inner;
        }
      } else if (tag == DW_TAG_variable || tag == DW_TAG_formal_parameter) {
        found = found ? found : at(child);
      }
    }
    return found;
  }

 private:
  std::optional<StackVariable> at(Dwarf_Die variable) const {
    const auto* place = only_operation(variable, DW_AT_location, address_);
    if (place == nullptr || place->atom != DW_OP_fbreg) {
      return std::nullopt;
    }
    const auto begin = static_cast<std::int64_t>(place->number);
    const char* name = dwarf_diename(&variable);
    if (from_base_ < begin || name == nullptr) {
      return std::nullopt;
    }
    const auto offset = static_cast<std::uint64_t>(from_base_ - begin);
    return offset < size_of(variable) ? std::optional(StackVariable{name, offset}) : std::nullopt;
  }

  std::uint64_t address_;
  std::int64_t from_base_;
};

}  // namespace

std::optional<StackVariable> stack_variable(DwarfScopes& dwarf, std::uint64_t address, std::int64_t from_cfa) {
  const auto* unit = dwarf.unit_at(address);
  const auto* innermost = unit == nullptr ? nullptr : unit->find(address);
  const auto* function = innermost;
  while (function != nullptr && function->caller != nullptr) {
    function = function->caller;
  }
  const auto base = function == nullptr ? std::nullopt : frame_base(function->die, address);
  if (!base) {
    return std::nullopt;
  }
  Search search(address, from_cfa - *base);
  for (const auto* scope = innermost; scope != nullptr; scope = scope->caller) {
    if (auto found = search.in(scope->die, 0)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace memsnap
