#include "core/inject/relocate.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/inject/code_writer.h"
#include "core/inject/instruction.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kFunctionAlignment = 16;

struct Placed {
  std::uint64_t offset = 0;  // from the function's start on
  Instruction instruction;

  std::uint64_t end() const { return offset + instruction.length; }
};

bool goes_on_behind(const Instruction& instruction) {
  return instruction.flow != Flow::leave && instruction.flow != Flow::jump;
}

auto refuse(std::string reason, Address address) { return fail(Code::unsupported, std::move(reason), address); }

// All instructions of the function, one behind the other.
Result<std::vector<Placed>> sweep(const FunctionCode& function) {
  if (function.bytes.size() < function.size) {
    return refuse("not all of its code is at hand", function.address);
  }
  const auto code = function.size == 0 ? function.bytes : function.bytes.first(function.size);
  std::vector<Placed> found;
  std::uint64_t at = 0;
  std::uint64_t flows_to = 0;  // nothing before this offset is the end, where the size is not known
  while (at < code.size()) {
    const auto instruction = decode_instruction(code.subspan(at), function.address + at);
    if (!instruction) {
      return refuse(fmt::format("no instruction at +{:#x}", at), function.address + at);
    }
    found.push_back({at, *instruction});
    at += instruction->length;
    if (instruction->target && instruction->flow != Flow::call && *instruction->target >= function.address) {
      const auto target = *instruction->target - function.address;
      flows_to = target < code.size() ? std::max(flows_to, target + 1) : flows_to;
    }
    if (function.size == 0 && !goes_on_behind(*instruction) && at >= flows_to) {
      return found;
    }
  }
  return found;
}

// Whether `begin` to `end` are bytes that nobody runs: what is laid out between functions, up to the next one's start.
bool is_padding(const FunctionCode& function, std::uint64_t code_end, std::uint64_t begin, std::uint64_t end) {
  const auto last = (function.address + code_end + kFunctionAlignment - 1).value / kFunctionAlignment;
  if (end > function.bytes.size() || (end > code_end && function.address + end > Address{last * kFunctionAlignment})) {
    return false;
  }
  while (begin < end) {
    const auto rest = function.bytes.subspan(begin);
    if (rest[0] == std::byte{0}) {
      ++begin;
      continue;
    }
    const auto instruction = decode_instruction(rest, function.address + begin);
    if (!instruction || !instruction->is_filler) {
      return false;
    }
    begin += instruction->length;
  }
  return true;
}

// How many of the instructions from `first` on have to be moved.
Result<std::size_t> count_to_move(const FunctionCode& function, std::span<const Placed> all, std::size_t first,
                                  std::size_t patch_bytes) {
  const auto begin = first < all.size() ? all[first].offset : 0;
  for (auto i = first; i < all.size(); ++i) {
    const auto end = all[i].end();
    if (end - begin >= patch_bytes) {
      return i - first + 1;
    }
    if (!goes_on_behind(all[i].instruction)) {
      if (is_padding(function, all.back().end(), end, begin + patch_bytes)) {
        return i - first + 1;
      }
      break;
    }
  }
  return refuse("too short to be patched", function.address);
}

class Mover {
 public:
  Mover(MovedCode& moved, Address resume) : moved_(moved), resume_(resume), writer_(moved.address) {}

  // `bytes` are the instruction's own.
  Result<void> add(const Placed& placed, std::span<const std::byte> bytes, Address address) {
    const auto& instruction = placed.instruction;
    const auto next = address + instruction.length;
    if (!instruction.can_move) {
      return refuse(fmt::format("an instruction at +{:#x} that cannot be moved", placed.offset), address);
    }
    if ((instruction.flow == Flow::call || instruction.flow == Flow::call_indirect) && next != resume_) {
      return refuse(fmt::format("a call at +{:#x}, within the bytes to be replaced", placed.offset), address);
    }
    moved_.instructions.push_back(
        {static_cast<std::uint32_t>(address - moved_.patch), static_cast<std::uint32_t>(writer_.size())});
    goes_on_ = goes_on_behind(instruction);
    switch (instruction.flow) {
      case Flow::next:
      case Flow::leave:
        return copy(placed, bytes);
      case Flow::jump:
        writer_.jump(within(*instruction.target));
        break;
      case Flow::branch:
        writer_.branch(instruction.condition, within(*instruction.target));
        break;
      case Flow::count_branch:
        count_branch(instruction, bytes);
        break;
      case Flow::call:
      case Flow::call_indirect:
        return call(placed, bytes, next);
    }
    return {};
  }

  void finish() {
    if (goes_on_) {
      writer_.jump(resume_);
    }
    moved_.bytes = writer_.take();
  }

 private:
  // A loop back to the first instruction stays among the moved ones: it would be taken for a call of the function.
  Address within(Address target) const { return target == moved_.patch ? moved_.address : target; }

  Result<void> copy(const Placed& placed, std::span<const std::byte> bytes) {
    const auto& instruction = placed.instruction;
    const auto begin = writer_.size();
    writer_.raw(bytes);
    if (instruction.operand) {
      if (!is_in_reach(writer_.end(), *instruction.operand)) {
        return refuse(
            fmt::format("an operand at +{:#x} that is out of reach from where it would be moved to", placed.offset),
            moved_.patch);
      }
      writer_.overwrite_relative(begin + instruction.displacement, writer_.end(), *instruction.operand);
    }
    return {};
  }

  // To a jump that is always in reach, behind a short one for the other case.
  void count_branch(const Instruction& instruction, std::span<const std::byte> bytes) {
    writer_.raw(bytes.first(bytes.size() - 1));  // all but its distance
    writer_.byte(2);
    writer_.byte(0xeb);
    const auto distance = writer_.size();
    writer_.byte(0);
    writer_.jump(within(*instruction.target));
    writer_.overwrite(distance, static_cast<std::byte>(writer_.size() - distance - 1));
  }

  // As a push of the return address that the call had and a jump: whoever looks at the stack sees no difference.
  Result<void> call(const Placed& placed, std::span<const std::byte> bytes, Address return_address) {
    writer_.byte(0xff);  // push *n(%rip): the quad behind the jump
    writer_.byte(0x35);
    const auto distance = writer_.size();
    writer_.relative(writer_.end());
    const auto jump = writer_.size();
    const auto pushed = writer_.end();
    if (placed.instruction.flow == Flow::call) {
      writer_.jump(*placed.instruction.target);
    } else if (auto copied = copy(placed, bytes); !copied) {
      return copied;
    } else {
      // FF /2 is the call, FF /4 the jump.
      constexpr auto kCallToJump = std::byte{(2 ^ 4) << 3};
      writer_.overwrite(jump + placed.instruction.modrm, bytes[placed.instruction.modrm] ^ kCallToJump);
    }
    writer_.overwrite_relative(distance, pushed, writer_.end());
    writer_.quad(return_address.value);
    goes_on_ = false;
    return {};
  }

  MovedCode& moved_;
  Address resume_;
  CodeWriter writer_;
  bool goes_on_ = true;
};

}  // namespace

std::optional<Address> MovedCode::moved_address(Address pc) const {
  const auto found = std::ranges::find_if(
      instructions, [&](const MovedInstruction& instruction) { return patch + instruction.original == pc; });
  return found == instructions.end() ? std::nullopt : std::optional(address + found->moved);
}

Result<MovedCode> relocate(const FunctionCode& function, Address destination, std::size_t patch_bytes) {
  const auto all = sweep(function);
  if (!all) {
    return std::unexpected(all.error());
  }
  // An indirect call may only arrive at an endbr64, so that one stays where it is.
  const std::size_t first = !all->empty() && all->front().instruction.is_endbr64 ? 1 : 0;
  const auto count = count_to_move(function, *all, first, patch_bytes);
  if (!count) {
    return std::unexpected(count.error());
  }
  const auto to_move = std::span(*all).subspan(first, *count);
  const auto begin = to_move.front().offset;
  const auto end = std::max(to_move.back().end(), begin + patch_bytes);

  MovedCode moved;
  moved.patch = function.address + begin;
  moved.patch_size = static_cast<std::uint32_t>(end - begin);
  moved.address = destination;
  for (const auto& [offset, instruction] : *all) {
    for (const auto& named : {instruction.target, instruction.operand}) {
      if (named && *named > moved.patch && *named < function.address + end) {
        return refuse(fmt::format("what is at +{:#x} goes into the bytes to be replaced", offset),
                      function.address + offset);
      }
    }
  }

  Mover mover(moved, function.address + to_move.back().end());
  for (const auto& placed : to_move) {
    const auto bytes = function.bytes.subspan(placed.offset, placed.instruction.length);
    if (auto added = mover.add(placed, bytes, function.address + placed.offset); !added) {
      return std::unexpected(added.error());
    }
  }
  mover.finish();
  return moved;
}

}  // namespace memsnap
