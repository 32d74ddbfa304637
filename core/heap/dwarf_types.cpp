#include "core/heap/dwarf_types.h"

#include <dwarf.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace memsnap {
namespace {

// Types hold each other by value only so far; broken debug information could do so without end.
constexpr int kDeepestDie = 64;

std::optional<std::uint64_t> number(Dwarf_Die die, unsigned attribute) {
  Dwarf_Attribute found;
  Dwarf_Word value = 0;
  if (dwarf_attr_integrate(&die, attribute, &found) == nullptr || dwarf_formudata(&found, &value) != 0) {
    return std::nullopt;
  }
  return value;
}

std::string name_of(Dwarf_Die die) {
  const char* name = dwarf_diename(&die);
  return name == nullptr ? std::string() : name;
}

std::optional<Dwarf_Die> type_of(Dwarf_Die die) {
  Dwarf_Attribute attribute;
  Dwarf_Die type;
  if (dwarf_formref_die(dwarf_attr_integrate(&die, DW_AT_type, &attribute), &type) == nullptr) {
    return std::nullopt;
  }
  return type;
}

// What a typedef or a qualifier stands before; a definition that lies in a unit of its own (DW_AT_signature).
std::optional<Dwarf_Die> strip(Dwarf_Die die) {
  for (int i = 0; i < kDeepestDie; ++i) {
    std::optional<Dwarf_Die> next;
    switch (dwarf_tag(&die)) {
      case DW_TAG_typedef:
      case DW_TAG_const_type:
      case DW_TAG_volatile_type:
      case DW_TAG_restrict_type:
      case DW_TAG_atomic_type:
        next = type_of(die);
        break;
      default: {
        Dwarf_Attribute attribute;
        Dwarf_Die target;
        if (dwarf_formref_die(dwarf_attr(&die, DW_AT_signature, &attribute), &target) == nullptr) {
          return die;
        }
        next = target;
      }
    }
    if (!next) {
      return std::nullopt;
    }
    die = *next;
  }
  return std::nullopt;
}

// The offset of a member; nullopt for one that only a running program knows: a virtual base.
std::optional<std::uint64_t> offset_of(Dwarf_Die die) {
  Dwarf_Attribute attribute;
  if (dwarf_attr(&die, DW_AT_data_member_location, &attribute) == nullptr) {
    return 0;
  }
  Dwarf_Word value = 0;
  if (dwarf_formudata(&attribute, &value) == 0) {
    return value;
  }
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (dwarf_getlocation(&attribute, &ops, &count) == 0 && count == 1 && ops[0].atom == DW_OP_plus_uconst) {
    return ops[0].number;
  }
  return std::nullopt;
}

Type::Kind arithmetic(Dwarf_Die die) {
  switch (number(die, DW_AT_encoding).value_or(0)) {
    case DW_ATE_boolean:
      return Type::Kind::boolean;
    case DW_ATE_float:
      return Type::Kind::floating;
    case DW_ATE_signed:
      return Type::Kind::signed_integer;
    case DW_ATE_unsigned:
      return Type::Kind::unsigned_integer;
    case DW_ATE_signed_char:
    case DW_ATE_unsigned_char:
    case DW_ATE_UTF:
      return Type::Kind::character;
    default:
      return Type::Kind::opaque;
  }
}

template <typename Visit>
void for_each_child(Dwarf_Die die, Visit visit) {
  Dwarf_Die child;
  if (dwarf_child(&die, &child) != 0) {
    return;
  }
  for (;;) {
    visit(child);
    auto next = child;
    if (dwarf_siblingof(&child, &next) != 0 || next.addr <= child.addr) {
      return;
    }
    child = next;
  }
}

}  // namespace

const Type& DwarfTypes::read(const Dwarf_Die& type) { return read(type, 0); }

const Type& DwarfTypes::read(Dwarf_Die type, int depth) {
  static const Type kOpaque;
  const auto die = strip(type);
  if (!die || depth > kDeepestDie) {
    return kOpaque;
  }
  if (const auto found = known_.find(die->addr); found != known_.end()) {
    return *found->second;
  }
  // Entered first: a type that holds itself finds this one, unfinished.
  auto& made = types_.emplace_back();
  known_.emplace(die->addr, &made);
  fill(made, *die, depth);
  return made;
}

void DwarfTypes::fill(Type& type, Dwarf_Die die, int depth) {
  type.name = name_of(die);
  const auto size = dwarf_bytesize(&die);
  type.size = size < 0 ? 0 : static_cast<std::uint64_t>(size);
  switch (dwarf_tag(&die)) {
    case DW_TAG_base_type:
      type.kind = arithmetic(die);
      break;
    case DW_TAG_unspecified_type:
      break;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
      type.kind = Type::Kind::pointer;
      type.size = type.size == 0 ? sizeof(std::uint64_t) : type.size;
      break;
    case DW_TAG_enumeration_type:
      type.kind = Type::Kind::enumeration;
      for_each_child(die, [&](const Dwarf_Die& child) {
        auto copy = child;
        Dwarf_Attribute attribute;
        Dwarf_Sword value = 0;
        if (dwarf_tag(&copy) == DW_TAG_enumerator &&
            dwarf_formsdata(dwarf_attr(&copy, DW_AT_const_value, &attribute), &value) == 0) {
          type.enumerators.push_back({name_of(copy), value});
        }
      });
      break;
    case DW_TAG_array_type:
      make_array(type, die, depth);
      break;
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_interface_type:
      type.kind = Type::Kind::record;
      if (!make_storage(type, die, depth)) {
        add_members(type, die, depth);
      }
      break;
    case DW_TAG_union_type:
      type.kind = Type::Kind::alternates;
      add_members(type, die, depth);
      break;
    default:
      break;
  }
}

// Nodes of containers, and what make_shared makes, have the bytes for an object in one of these.
bool DwarfTypes::make_storage(Type& type, Dwarf_Die die, int depth) {
  if (!type.name.starts_with("__aligned_membuf<") && !type.name.starts_with("__aligned_buffer<")) {
    return false;
  }
  for_each_child(die, [&](Dwarf_Die child) {
    if (dwarf_tag(&child) == DW_TAG_template_type_parameter && type.members.empty()) {
      if (const auto held = type_of(child)) {
        type.members.push_back({{}, 0, &read(*held, depth + 1), false, 0, 0});
      }
    }
  });
  type.is_storage = !type.members.empty();
  return type.is_storage;
}

void DwarfTypes::add_members(Type& type, Dwarf_Die die, int depth) {
  for_each_child(die, [&](const Dwarf_Die& child) { add_member(type, child, depth); });
  std::ranges::stable_sort(type.members, {}, &Member::offset);
}

void DwarfTypes::add_member(Type& type, Dwarf_Die die, int depth) {
  const int tag = dwarf_tag(&die);
  const bool is_base = tag == DW_TAG_inheritance;
  // A static member is declared here and lies elsewhere.
  if ((tag != DW_TAG_member && !is_base) || dwarf_hasattr(&die, DW_AT_declaration) != 0 ||
      dwarf_hasattr(&die, DW_AT_external) != 0 || number(die, DW_AT_virtuality).value_or(0) != 0) {
    return;
  }
  const auto member_type = type_of(die);
  const auto offset = offset_of(die);
  if (!member_type || !offset) {
    return;
  }
  Member member{is_base ? std::string() : name_of(die), *offset, &read(*member_type, depth + 1), is_base, 0, 0};
  member.bits = static_cast<std::uint32_t>(number(die, DW_AT_bit_size).value_or(0));
  if (member.bits != 0) {
    const auto storage = member.type->size == 0 ? 1 : member.type->size;
    if (const auto bit = number(die, DW_AT_data_bit_offset)) {
      member.offset = *bit / 8 / storage * storage;
      member.bit_offset = static_cast<std::uint32_t>(*bit - member.offset * 8);
    } else if (const auto from_top = number(die, DW_AT_bit_offset)) {
      // Before DWARF 4 bits were counted from the most significant one.
      const auto width = number(die, DW_AT_byte_size).value_or(storage) * 8;
      member.bit_offset = static_cast<std::uint32_t>(width - *from_top - member.bits);
    }
  }
  type.members.push_back(std::move(member));
}

void DwarfTypes::make_array(Type& type, Dwarf_Die die, int depth) {
  const auto element = type_of(die);
  std::vector<std::uint64_t> counts;
  for_each_child(die, [&](const Dwarf_Die& child) {
    auto copy = child;
    if (dwarf_tag(&copy) == DW_TAG_subrange_type) {
      const auto bound = number(child, DW_AT_upper_bound);
      counts.push_back(number(child, DW_AT_count).value_or(bound ? *bound + 1 : 0));
    }
  });
  if (!element || counts.empty()) {
    return;
  }
  // `int[2][3]` is two arrays of three.
  const auto* inner = &read(*element, depth + 1);
  for (std::size_t i = counts.size(); i-- > 1;) {
    auto& row = types_.emplace_back();
    row.kind = Type::Kind::array;
    row.element = inner;
    row.count = counts[i];
    row.size = counts[i] * inner->size;
    inner = &row;
  }
  type.kind = Type::Kind::array;
  type.element = inner;
  type.count = counts.front();
  type.size = type.count * inner->size;
}

}  // namespace memsnap
