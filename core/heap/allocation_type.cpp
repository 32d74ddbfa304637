#include "core/heap/allocation_type.h"

#include <dwarf.h>

#include <algorithm>

#include "core/heap/construction.h"
#include "core/heap/function_name.h"
#include "core/heap/source_line.h"
#include "core/heap/type_name.h"
#include "core/symbols/dwarf_unit.h"
#include "core/symbols/module_files.h"
#include "core/trace/rules.h"

namespace memsnap {
namespace {

using Amount = AllocationType::Amount;

constexpr std::uint64_t kCookie = 8;

// LLVM's own number, until DWARF has one.
constexpr unsigned kAllocType = 0x3e0e;

std::optional<Dwarf_Die> alloc_type(Dwarf_Die scope, std::uint64_t return_address, int depth) {
  constexpr int kDeepest = 16;
  Dwarf_Die child;
  if (depth > kDeepest || dwarf_child(&scope, &child) != 0) {
    return std::nullopt;
  }
  for (;;) {
    Dwarf_Attribute attribute;
    Dwarf_Addr address = 0;
    Dwarf_Die type;
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site) {
      const bool is_it = dwarf_formaddr(dwarf_attr(&child, DW_AT_call_return_pc, &attribute), &address) == 0 ||
                         dwarf_formaddr(dwarf_attr(&child, DW_AT_low_pc, &attribute), &address) == 0;
      if (is_it && address == return_address &&
          dwarf_formref_die(dwarf_attr(&child, kAllocType, &attribute), &type) != nullptr) {
        return type;
      }
    } else if (tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) {
      if (auto found = alloc_type(child, return_address, depth + 1)) {
        return found;
      }
    }
    auto next = child;
    if (dwarf_siblingof(&child, &next) != 0 || next.addr <= child.addr) {
      return std::nullopt;
    }
    child = next;
  }
}

}  // namespace

std::uint64_t AllocationType::size() const { return type == nullptr ? 0 : type->size; }

std::optional<Extent> extent_of(const AllocationType& type, std::uint64_t size) {
  const auto one = type.size();
  if (one == 0) {
    return std::nullopt;
  }
  if (type.amount == Amount::one) {
    return size == one ? std::optional(Extent()) : std::nullopt;
  }
  if (size >= one && size % one == 0) {
    return Extent{size / one, 0};
  }
  if (type.may_have_cookie && size > kCookie && (size - kCookie) % one == 0) {
    return Extent{(size - kCookie) / one, kCookie};
  }
  return std::nullopt;
}

bool fits_all(const AllocationType& type, std::uint64_t size, std::uint64_t count) {
  const auto one = type.size();
  if (type.name.empty() || one == 0) {
    return !type.name.empty() && !type.is_guess;
  }
  if (type.amount == Amount::one) {
    return size == one * count;
  }
  return size % one == 0 || (type.may_have_cookie && size > kCookie * count && (size - kCookie * count) % one == 0);
}

AllocationType AllocationTypes::find(std::span<const Pc> pcs) {
  for (const auto& pc : pcs) {
    auto known = known_.find(pc);
    if (known == known_.end()) {
      auto found = at(pc);
      // What was not found because the user ended the search may be there.
      if (!types_.goes_on()) {
        return {};
      }
      known = known_.emplace(pc, std::move(found)).first;
    }
    if (known->second) {
      return *known->second;
    }
  }
  return {};
}

std::optional<AllocationType> AllocationTypes::at(const Pc& pc) {
  const auto& frames = types_.symbolizer().frames(pc);
  const auto caller = std::ranges::find_if(
      frames, [](const Frame& frame) { return !is_allocator(frame) && !forwards_allocation(frame.function); });
  if (caller == frames.end()) {
    return std::nullopt;
  }
  if (auto library = library_allocation(caller->function)) {
    const auto* type = lookup(library->type, pc);
    return AllocationType{
        std::move(library->type), type, library->is_many ? Amount::many : Amount::one, false, false, pc.module};
  }
  if (pc.module == ModuleId::none) {
    return AllocationType();
  }
  if (auto told = told_at_call(pc)) {
    const auto* type = lookup(*told, pc);
    return AllocationType{std::move(*told), type, Amount::any, true, false, pc.module};
  }
  const auto line = caller->has_line() && sources_ ? sources_(caller->file, caller->line) : std::nullopt;
  const auto written = line ? written_allocation(*line) : std::nullopt;
  if (auto constructed = constructed_at(pc, types_)) {
    // The first of an array is constructed as a single object is, and so is a part of an object without a constructor:
    // what the line says counts, where there is one.
    if (!written ||
        split_function_name(written->type).second == template_name(split_function_name(*constructed).second)) {
      const bool is_many = written && written->is_many;
      const auto* type = lookup(*constructed, pc);
      return AllocationType{
          std::move(*constructed), type, is_many ? Amount::many : Amount::one, is_many, true, pc.module};
    }
  }
  return written ? of_source(*written, caller->function, pc) : AllocationType();
}

const Type* AllocationTypes::lookup(const std::string& name, const Pc& pc) {
  const auto* builtin = builtin_type(name);
  return builtin != nullptr ? builtin : types_.find(name, pc);
}

std::optional<std::string> AllocationTypes::told_at_call(const Pc& pc) {
  auto* dwarf = types_.symbolizer().files(pc.module).dwarf();
  const auto* unit = dwarf == nullptr ? nullptr : dwarf->unit_at(pc.offset - 1);
  const auto* scope = unit == nullptr ? nullptr : unit->find(pc.offset - 1);
  while (scope != nullptr && scope->caller != nullptr) {
    scope = scope->caller;
  }
  const auto type = scope == nullptr ? std::nullopt : alloc_type(scope->die, pc.offset, 0);
  auto name = type ? types_.name_of(*type, pc.module) : std::string();
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

AllocationType AllocationTypes::of_source(const WrittenAllocation& written, std::string_view function, const Pc& pc) {
  const auto amount = written.is_many ? Amount::many : Amount::one;
  // What a template's parameter stands for.
  if (const auto argument = template_argument(written.type, pc)) {
    auto name = types_.name_of(*argument, pc.module);
    const auto* type = name.empty() ? nullptr : lookup(name, pc);
    return type == nullptr ? AllocationType()
                           : AllocationType{std::move(name), type, amount, written.has_cookie, true, pc.module};
  }
  // A name is looked for from the inside out, as the compiler did.
  auto scope = split_function_name(function).first;
  for (;;) {
    auto name = canonical_type_name(scope.empty() ? written.type : std::string(scope) + "::" + written.type);
    const auto* type = scope.empty() ? lookup(name, pc) : types_.find(name, pc);
    if (type != nullptr) {
      return {std::move(name), type, amount, written.has_cookie, true, pc.module};
    }
    if (scope.empty()) {
      return {};
    }
    scope = split_function_name(scope).first;
  }
}

std::optional<Dwarf_Die> AllocationTypes::template_argument(const std::string& parameter, const Pc& pc) {
  auto* dwarf = types_.symbolizer().files(pc.module).dwarf();
  const auto* unit = dwarf == nullptr ? nullptr : dwarf->unit_at(pc.offset - 1);
  const auto* scope = unit == nullptr ? nullptr : unit->find(pc.offset - 1);
  if (scope == nullptr) {
    return std::nullopt;
  }
  // They stand with the code of a function, or with what it is an instance of.
  constexpr int kLongestChain = 4;
  auto function = scope->die;
  for (int i = 0; i < kLongestChain; ++i) {
    Dwarf_Die child;
    for (bool is_there = dwarf_child(&function, &child) == 0; is_there;) {
      const char* name = dwarf_tag(&child) == DW_TAG_template_type_parameter ? dwarf_diename(&child) : nullptr;
      Dwarf_Attribute attribute;
      Dwarf_Die type;
      if (name != nullptr && name == parameter &&
          dwarf_formref_die(dwarf_attr(&child, DW_AT_type, &attribute), &type) != nullptr) {
        return type;
      }
      auto next = child;
      is_there = dwarf_siblingof(&child, &next) == 0 && next.addr > child.addr;
      child = next;
    }
    Dwarf_Attribute attribute;
    Dwarf_Die origin;
    if (dwarf_formref_die(dwarf_attr(&function, DW_AT_abstract_origin, &attribute), &origin) == nullptr &&
        dwarf_formref_die(dwarf_attr(&function, DW_AT_specification, &attribute), &origin) == nullptr) {
      break;
    }
    function = origin;
  }
  return std::nullopt;
}

}  // namespace memsnap
