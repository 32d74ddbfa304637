#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <vector>

namespace memsnap::test {

// Where things are that random code names, from the begin of its pages on.
inline constexpr std::uint64_t kCode = 0;
inline constexpr std::uint64_t kData = 0x10000;  // for operands
inline constexpr std::uint64_t kDataSize = 0x1000;
inline constexpr std::uint64_t kCalleePointer = kData + 0xff8;
inline constexpr std::uint64_t kCallee = 0x12000;
inline constexpr std::uint64_t kStack = 0x20000;
inline constexpr std::uint64_t kStackSize = 0x1000;
inline constexpr std::uint64_t kNear = 0x100000;
inline constexpr std::uint64_t kPagesSize = 0x200000;

/// Makes random functions, the same ones from the same seed. They may push and pop, but leave rsp alone otherwise, read
/// and write memory at kData and on their stack only, and branch forwards.
class CodeGenerator {
 public:
  explicit CodeGenerator(std::uint32_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  std::uint64_t word() { return random_(); }

  /// A function that returns, by itself or by way of what it jumps to.
  std::vector<std::byte> function() {
    bytes_.clear();
    joints_.clear();
    branches_.clear();
    depth_ = 0;
    if (below(4) == 0) {
      put({0xf3, 0x0f, 0x1e, 0xfa});
    }
    for (auto left = below(10); left > 0; --left) {
      instruction();
      joints_.push_back({bytes_.size(), depth_});
    }
    for (const auto& branch : branches_) {
      aim(branch);
    }
    if (depth_ != 0) {
      put({0x48, 0x8d, 0x64, 0x24, 8 * depth_});  // lea n(%rsp),%rsp
    }
    put({0xc3});
    return bytes_;
  }

 private:
  struct Joint {
    std::size_t at;
    unsigned depth;  // of the stack, in words
  };
  struct Branch {
    std::size_t distance_at;
    std::size_t distance_size;
    std::size_t joint;  // the first it may go to
  };

  void put(std::initializer_list<unsigned> values) {
    for (const auto value : values) {
      bytes_.push_back(static_cast<std::byte>(value));
    }
  }
  void put_word(std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      bytes_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
    }
  }
  // Four bytes that name `offset` in the pages, where `behind` bytes of the instruction follow them.
  void put_relative(std::uint64_t offset, std::size_t behind = 0) {
    put_word(offset - (kCode + bytes_.size() + 4 + behind), 4);
  }
  // Anything but rsp.
  unsigned reg() {
    const auto number = static_cast<unsigned>(below(15));
    return number >= 4 ? number + 1 : number;
  }
  std::uint64_t datum() { return kData + 8 * below(400); }
  static unsigned rex(unsigned reg, unsigned rm) { return 0x48 | (reg >= 8 ? 4U : 0U) | (rm >= 8 ? 1U : 0U); }
  static unsigned modrm(unsigned mod, unsigned reg, unsigned rm) { return mod << 6 | (reg & 7) << 3 | (rm & 7); }
  // An opcode with a register and an operand relative to the program counter.
  void with_datum(unsigned opcode, unsigned reg, std::size_t behind = 0) {
    put({rex(reg, 0), opcode, modrm(0, reg, 5)});
    put_relative(datum(), behind);
  }
  void branch(std::initializer_list<unsigned> opcode, std::size_t distance_size) {
    put(opcode);
    branches_.push_back({bytes_.size(), distance_size, joints_.size()});
    put_word(0, distance_size);
  }
  // To some later place where the stack is as deep.
  void aim(const Branch& branch) {
    const auto end = branch.distance_at + branch.distance_size;
    std::vector<std::size_t> distances;
    for (const auto& joint : std::span(joints_).subspan(branch.joint)) {
      if (joint.depth == joints_[branch.joint].depth && joint.at - end < 128) {
        distances.push_back(joint.at - end);
      }
    }
    bytes_[branch.distance_at] = static_cast<std::byte>(distances[below(distances.size())]);
  }

  void instruction() {
    constexpr std::array kOperations = {0x01U, 0x09U, 0x11U, 0x19U, 0x21U, 0x29U, 0x31U, 0x39U, 0x85U};
    const auto to = reg();
    const auto from = reg();
    const auto condition = static_cast<unsigned>(below(16));
    const auto byte = static_cast<unsigned>(below(256));
    switch (below(26)) {
      case 0:  // mov $n,%to
        put({rex(0, to), 0xc7, modrm(3, 0, to)});
        return put_word(word(), 4);
      case 1:  // movabs $n,%to
        put({rex(0, to), 0xb8 | (to & 7)});
        return put_word(word() << 32 | word(), 8);
      case 2:  // add, or, adc, sbb, and, sub, xor, cmp, test %from,%to
      case 3:
      case 4:
        return put({rex(from, to), kOperations[below(kOperations.size())], modrm(3, from, to)});
      case 5:  // the same (but test) with a number
        return put({rex(0, to), 0x83, modrm(3, condition & 7, to), byte});
      case 6:  // lea datum,%to
        return with_datum(0x8d, to);
      case 7:  // mov datum,%to
        return with_datum(0x8b, to);
      case 8:  // mov %from,datum
        return with_datum(0x89, from);
      case 9:  // add %from,datum, ...
        return with_datum(kOperations[below(kOperations.size())], from);
      case 10:  // addq $n,datum, ...: a byte behind the operand
        with_datum(0x83, condition & 7, 1);
        return put({byte});
      case 11:  // movq $n,datum: four
        with_datum(0xc7, 0, 4);
        return put_word(word(), 4);
      case 12:  // imul $n,datum,%to
        with_datum(0x6b, to, 1);
        return put({byte});
      case 13:  // movq datum,%xmm0; movq %xmm0,%to
        put({0xf3, 0x0f, 0x7e, 0x05});
        put_relative(datum());
        return put({0x66, rex(0, to), 0x0f, 0x7e, modrm(3, 0, to)});
      case 14:  // push %from
      case 15:
        ++depth_;
        return put({rex(0, from), 0x50 | (from & 7)});
      case 16:  // pop %to
        if (depth_ == 0) {
          return put({0x90});
        }
        --depth_;
        return put({rex(0, to), 0x58 | (to & 7)});
      case 17:  // mov n(%rsp),%to: what was pushed, or the return address
        return put({rex(to, 0), 0x8b, modrm(1, to, 4), 0x24, 8 * static_cast<unsigned>(below(depth_ + 1))});
      case 18:  // cmovcc %from,%to
        return put({rex(to, from), 0x0f, 0x40 | condition, modrm(3, to, from)});
      case 19:  // jcc, short and long
      case 20:
        return branch({0x70 | condition}, 1);
      case 21:
        return branch({0x0f, 0x80 | condition}, 4);
      case 22:  // jmp
        return condition < 8 ? branch({0xeb}, 1) : branch({0xe9}, 4);
      case 23:  // loopne, loope, loop, jrcxz
        return branch({0xe0 | (condition & 3)}, 1);
      case 24:  // call
        put({0xe8});
        return put_relative(kCallee);
      default:
        if (condition < 8) {  // call *pointer
          put({0xff, 0x15});
          return put_relative(kCalleePointer);
        }
        put({rex(to, 0), 0x8d, modrm(0, to, 5)});  // lea callee,%to; call *%to
        put_relative(kCallee);
        return put({rex(0, to), 0xff, modrm(3, 2, to)});
    }
  }

  std::mt19937 random_;
  std::vector<std::byte> bytes_;
  std::vector<Joint> joints_;
  std::vector<Branch> branches_;
  unsigned depth_ = 0;
};

}  // namespace memsnap::test
