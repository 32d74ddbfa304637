#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/address.h"

namespace memsnap {

/// Where a processor goes on after an instruction.
enum class Flow : std::uint8_t {
  next,           ///< behind it
  leave,          ///< never behind it, and its bytes do not tell where: ret, jmp through a register or memory, ud2
  jump,           ///< jmp to `target`
  branch,         ///< jcc to `target`, or behind it
  count_branch,   ///< loop, loope, loopne or jrcxz to `target`, or behind it; there are only short ones of these
  call,           ///< call to `target`
  call_indirect,  ///< call through a register or memory
};

/// What has to be known of an x86-64 instruction in order to move it.
struct Instruction {
  std::uint8_t length = 0;
  Flow flow = Flow::next;
  bool can_move = true;  ///< false for the rare forms that nobody needs moved: far calls, transactions, 16-bit branches
  bool is_endbr64 = false;
  bool is_filler = false;          ///< what assemblers pad code with: nop of any length, int3
  std::uint8_t condition = 0;      ///< of a branch: the low four bits of its opcode
  std::uint8_t displacement = 0;   ///< where the four bytes relative to the program counter are; 0: no such operand
  std::uint8_t modrm = 0;          ///< where the ModRM byte is; 0: none
  std::optional<Address> target;   ///< of a relative jump, branch or call
  std::optional<Address> operand;  ///< the address that `displacement` makes
};

/// Decodes the first instruction of `bytes`, which runs at `address`; nullopt where they begin with none.
std::optional<Instruction> decode_instruction(std::span<const std::byte> bytes, Address address);

}  // namespace memsnap
