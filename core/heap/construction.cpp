#include "core/heap/construction.h"

#include <Zydis/Zydis.h>
#include <dwarf.h>

#include <algorithm>
#include <span>
#include <vector>

#include "core/heap/function_name.h"
#include "core/symbols/dwarf_unit.h"
#include "core/symbols/module_files.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kMostCode = 4096;  // bytes behind the allocation
constexpr int kMostInstructions = 400;

struct Step {
  ZydisDecodedInstruction instruction;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
  std::uint64_t address = 0;
  std::uint64_t end = 0;

  const ZydisDecodedOperand& operand(std::size_t i) const { return operands.at(i); }
  std::optional<std::uint64_t> target() const {
    ZyanU64 result = 0;
    const bool is_relative = operand(0).type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand(0).imm.is_relative != 0;
    if (!is_relative || ZYAN_FAILED(ZydisCalcAbsoluteAddress(&instruction, operands.data(), address, &result))) {
      return std::nullopt;
    }
    return result;
  }
};

ZydisRegister whole(ZydisRegister part) { return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, part); }

// Where the allocator's result is: in which registers, in which slots of the stack.
class Pointers {
 public:
  Pointers() { registers_.push_back(ZYDIS_REGISTER_RAX); }

  bool holds(ZydisRegister where) const { return std::ranges::find(registers_, where) != registers_.end(); }
  bool holds(const ZydisDecodedOperand& operand) const {
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      return operand.size == 64 && holds(operand.reg.value);
    }
    return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.size == 64 && is_slot(operand) &&
           std::ranges::find(slots_, slot(operand)) != slots_.end();
  }
  bool is_base(const ZydisDecodedOperand& operand) const {
    return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && !is_slot(operand) && holds(operand.mem.base);
  }
  void set(const ZydisDecodedOperand& operand, bool holds) {
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      set(whole(operand.reg.value), holds);
    } else if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && is_slot(operand)) {
      std::erase(slots_, slot(operand));
      if (holds) {
        slots_.push_back(slot(operand));
      }
    }
  }
  void set(ZydisRegister where, bool holds) {
    std::erase(registers_, where);
    if (holds) {
      registers_.push_back(where);
    } else if (where == ZYDIS_REGISTER_RSP || where == ZYDIS_REGISTER_RBP) {
      std::erase_if(slots_, [where](const Slot& slot) { return slot.base == where; });
    }
  }
  // What a call may change.
  void forget_volatile() {
    for (const auto each :
         {ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_RCX, ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDI,
          ZYDIS_REGISTER_R8, ZYDIS_REGISTER_R9, ZYDIS_REGISTER_R10, ZYDIS_REGISTER_R11}) {
      set(each, false);
    }
  }
  bool empty() const { return registers_.empty() && slots_.empty(); }

 private:
  struct Slot {
    ZydisRegister base;
    std::int64_t offset;
    bool operator==(const Slot&) const = default;
  };
  static bool is_slot(const ZydisDecodedOperand& operand) {
    return (operand.mem.base == ZYDIS_REGISTER_RBP || operand.mem.base == ZYDIS_REGISTER_RSP) &&
           operand.mem.index == ZYDIS_REGISTER_NONE;
  }
  static Slot slot(const ZydisDecodedOperand& operand) { return {operand.mem.base, operand.mem.disp.value}; }

  std::vector<ZydisRegister> registers_;
  std::vector<Slot> slots_;
};

// The function that a call goes to, where the debug information says so: the way to one in another module is through a
// stub without a name.
std::string call_origin(Dwarf_Die scope, std::uint64_t return_address, DwarfScopes& dwarf, int depth = 0) {
  constexpr int kDeepest = 16;
  Dwarf_Die child;
  if (depth > kDeepest || dwarf_child(&scope, &child) != 0) {
    return {};
  }
  for (;;) {
    Dwarf_Attribute attribute;
    Dwarf_Addr address = 0;
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site) {
      Dwarf_Die origin;
      const bool is_it = (dwarf_formaddr(dwarf_attr(&child, DW_AT_call_return_pc, &attribute), &address) == 0 ||
                          dwarf_formaddr(dwarf_attr(&child, DW_AT_low_pc, &attribute), &address) == 0) &&
                         address == return_address;
      if (is_it && (dwarf_formref_die(dwarf_attr(&child, DW_AT_call_origin, &attribute), &origin) != nullptr ||
                    dwarf_formref_die(dwarf_attr(&child, DW_AT_abstract_origin, &attribute), &origin) != nullptr)) {
        return dwarf.function_name(origin);
      }
    } else if (tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) {
      if (auto found = call_origin(child, return_address, dwarf, depth + 1); !found.empty()) {
        return found;
      }
    }
    auto next = child;
    if (dwarf_siblingof(&child, &next) != 0 || next.addr <= child.addr) {
      return {};
    }
    child = next;
  }
}

class Walk {
 public:
  Walk(const Pc& allocation, TypeCatalog& types) : allocation_(allocation), types_(types) {}

  std::optional<std::string> run() {
    auto& files = types_.symbolizer().files(allocation_.module);
    dwarf_ = files.dwarf();
    unit_ = dwarf_ == nullptr ? nullptr : dwarf_->unit_at(allocation_.offset - 1);
    scope_ = unit_ == nullptr ? nullptr : unit_->find(allocation_.offset - 1);
    if (scope_ == nullptr || files.own() == nullptr) {
      return std::nullopt;
    }
    line_ = unit_->line(allocation_.offset - 1);
    while (scope_->caller != nullptr && forwards_allocation(dwarf_->function_name(scope_->die))) {
      line_ = unit_->call_site(*scope_);
      scope_ = scope_->caller;
    }
    const auto code = files.own()->loaded_bytes({{allocation_.offset}, {allocation_.offset + kMostCode}});
    return line_ ? follow(code) : std::nullopt;
  }

 private:
  std::optional<std::string> follow(std::span<const std::byte> code) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    Step step;
    for (std::uint64_t at = 0, count = 0; at < code.size() && count < kMostInstructions && !pointers_.empty();
         ++count) {
      step.address = allocation_.offset + at;
      if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code.data() + at, code.size() - at, &step.instruction,
                                             step.operands.data()))) {
        break;
      }
      step.end = step.address + step.instruction.length;
      at += step.instruction.length;
      switch (step.instruction.meta.category) {
        case ZYDIS_CATEGORY_RET:
        case ZYDIS_CATEGORY_INTERRUPT:
          return std::nullopt;
        case ZYDIS_CATEGORY_UNCOND_BR: {
          const auto target = step.target();
          if (!target || *target < step.end) {
            return std::nullopt;
          }
          at = *target - allocation_.offset;
          break;
        }
        case ZYDIS_CATEGORY_COND_BR:
          break;
        case ZYDIS_CATEGORY_CALL:
          if (pointers_.holds(ZYDIS_REGISTER_RDI)) {
            return called(step);
          }
          pointers_.forget_volatile();
          break;
        default:
          if (auto found = execute(step)) {
            return found;
          }
      }
    }
    return std::nullopt;
  }

  // Follows the pointer through one instruction; the class, where it stores in the block.
  std::optional<std::string> execute(const Step& step) {
    const std::span operands(step.operands.data(), step.instruction.operand_count);
    for (const auto& operand : operands) {
      const bool writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
      if (writes && pointers_.is_base(operand) && operand.mem.type == ZYDIS_MEMOP_TYPE_MEM) {
        if (auto found = inlined_at(step.address, {})) {
          return found;
        }
      }
    }
    const bool is_move = step.instruction.mnemonic == ZYDIS_MNEMONIC_MOV && operands.size() >= 2;
    const bool is_address = step.instruction.mnemonic == ZYDIS_MNEMONIC_LEA && operands.size() >= 2;
    const bool is_copy = (is_move && pointers_.holds(operands[1])) ||
                         (is_address && pointers_.holds(operands[1].mem.base) &&
                          operands[1].mem.index == ZYDIS_REGISTER_NONE && operands[1].mem.disp.value == 0);
    for (const auto& operand : operands) {
      if ((operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0) {
        pointers_.set(operand, is_copy && &operand == operands.data() && operand.size == 64);
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> called(const Step& step) {
    std::string function;
    if (const auto target = step.target()) {
      function = types_.symbolizer().frames({allocation_.module, *target + 1}).back().function;
    }
    if (!constructed_class(function)) {
      function = call_origin(scope_->die, step.end, *dwarf_);
    }
    return inlined_at(step.address, constructed_class(function));
  }

  // The outermost constructor around the instruction, up to where the allocation is; `innermost` where there is none.
  std::optional<std::string> inlined_at(std::uint64_t address, std::optional<std::string> innermost) {
    auto found = std::move(innermost);
    auto place = unit_->line(address);
    const auto* scope = unit_->find(address);
    for (; scope != nullptr && scope != scope_; scope = scope->caller) {
      if (auto constructed = constructed_class(dwarf_->function_name(scope->die))) {
        found = std::move(constructed);
      }
      place = unit_->call_site(*scope);
    }
    const bool is_here = scope != nullptr && place && place->line == line_->line && place->file == line_->file;
    return is_here && found && !is_part(*found) ? found : std::nullopt;
  }

  // Whether the unit has a class of this one's size that has one of these in it. Units have the same class each for
  // themselves, and its name is the same.
  bool is_part(const std::string& name) {
    const auto* type = types_.find(name, allocation_);
    return type == nullptr ||
           std::ranges::any_of(types_.classes_of_size(type->size, allocation_), [type](const Type* other) {
             return !other->is_storage && std::ranges::any_of(other->members, [type](const Member& member) {
               return member.type->kind == Type::Kind::record && member.type->size == type->size &&
                      member.type->name == type->name;
             });
           });
  }

  const Pc& allocation_;
  TypeCatalog& types_;
  DwarfScopes* dwarf_ = nullptr;
  DwarfUnit* unit_ = nullptr;
  const DwarfUnit::Scope* scope_ = nullptr;  // that allocates
  std::optional<SourcePlace> line_;
  Pointers pointers_;
};

}  // namespace

std::optional<std::string> constructed_at(const Pc& allocation, TypeCatalog& types) {
  return allocation.module == ModuleId::none ? std::nullopt : Walk(allocation, types).run();
}

}  // namespace memsnap
