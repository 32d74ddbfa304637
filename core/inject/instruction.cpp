#include "core/inject/instruction.h"

#include <Zydis/Zydis.h>

#include <algorithm>

namespace memsnap {
namespace {

const ZydisDecoder& decoder() {
  static const auto made = [] {
    ZydisDecoder fresh;
    ZydisDecoderInit(&fresh, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return fresh;
  }();
  return made;
}

bool has_prefix(const ZydisDecodedInstruction& decoded, std::uint8_t prefix) {
  const auto prefixes = std::span(decoded.raw.prefixes).first(decoded.raw.prefix_count);
  return std::ranges::any_of(prefixes, [prefix](const auto& found) { return found.value == prefix; });
}

bool has_modrm(const ZydisDecodedInstruction& decoded) { return (decoded.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0; }

// Whether the operand that ModRM names is rsp or is addressed by it. Without REX.B, 4 is rsp as a register and as the
// base in a SIB byte, and as rm beside memory it asks for a SIB byte.
bool uses_rsp(const ZydisDecodedInstruction& decoded) {
  constexpr std::uint8_t kRsp = 4;
  const auto& raw = decoded.raw;
  return raw.rex.B == 0 && raw.modrm.rm == kRsp && (raw.modrm.mod == 3 || raw.sib.base == kRsp);
}

bool is_dead_end(const ZydisDecodedInstruction& decoded) {
  switch (decoded.mnemonic) {
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
      return true;
    default:
      return decoded.meta.category == ZYDIS_CATEGORY_RET;
  }
}

bool is_jcc(const ZydisDecodedInstruction& decoded) {
  return (decoded.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (decoded.opcode & 0xf0U) == 0x70) ||
         (decoded.opcode_map == ZYDIS_OPCODE_MAP_0F && (decoded.opcode & 0xf0U) == 0x80);
}

bool is_count_branch(const ZydisDecodedInstruction& decoded) {
  return decoded.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && decoded.opcode >= 0xe0 && decoded.opcode <= 0xe3;
}

void fill_in_flow(const ZydisDecodedInstruction& decoded, Address end, Instruction& instruction) {
  const auto& relative = decoded.raw.imm[0];
  const bool is_relative = relative.is_relative != 0;
  if (is_relative) {
    instruction.target = end + relative.value.u;
    // On these, an operand size of 16 bits means one thing to Intel's processors and another to AMD's.
    instruction.can_move = !has_prefix(decoded, 0x66);
  }
  if (decoded.mnemonic == ZYDIS_MNEMONIC_CALL) {
    instruction.flow = is_relative ? Flow::call : Flow::call_indirect;
    if (!is_relative) {
      instruction.can_move =
          decoded.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR && !uses_rsp(decoded) && !has_prefix(decoded, 0x66);
    }
  } else if (decoded.mnemonic == ZYDIS_MNEMONIC_JMP) {
    instruction.flow = is_relative ? Flow::jump : Flow::leave;
  } else if (is_dead_end(decoded)) {
    instruction.flow = Flow::leave;
  } else if (is_relative) {
    instruction.flow = is_count_branch(decoded) ? Flow::count_branch : Flow::branch;
    instruction.condition = decoded.opcode & 0xfU;
    instruction.can_move = instruction.can_move && (is_jcc(decoded) || is_count_branch(decoded));
  }
}

}  // namespace

std::optional<Instruction> decode_instruction(std::span<const std::byte> bytes, Address address) {
  ZydisDecodedInstruction decoded;
  if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder(), nullptr, bytes.data(), bytes.size(), &decoded))) {
    return std::nullopt;
  }
  Instruction instruction;
  instruction.length = decoded.length;
  instruction.is_endbr64 = decoded.mnemonic == ZYDIS_MNEMONIC_ENDBR64;
  // 66 90 is an exchange of ax with itself by its name, and a nop by its use.
  instruction.is_filler = decoded.mnemonic == ZYDIS_MNEMONIC_NOP || decoded.mnemonic == ZYDIS_MNEMONIC_INT3 ||
                          (decoded.mnemonic == ZYDIS_MNEMONIC_XCHG && decoded.opcode == 0x90 && decoded.raw.rex.B == 0);
  const auto end = address + decoded.length;
  if (has_modrm(decoded)) {
    instruction.modrm = decoded.raw.modrm.offset;
    if (decoded.raw.modrm.mod == 0 && decoded.raw.modrm.rm == 5) {
      instruction.displacement = decoded.raw.disp.offset;
      instruction.operand = end + static_cast<std::uint64_t>(decoded.raw.disp.value);
      instruction.can_move = decoded.address_width == 64;
    }
  }
  const bool can_move = instruction.can_move;
  fill_in_flow(decoded, end, instruction);
  instruction.can_move = instruction.can_move && can_move;
  return instruction;
}

}  // namespace memsnap
