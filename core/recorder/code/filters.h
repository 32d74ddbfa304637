#pragma once

#include "core/recorder/code/walk.h"

/// Filters of system calls that a process puts on itself. A call that a filter does not know may end the process, so
/// each filter is asked about the recorder's own calls before it is in force, and what it denies is not done any more.
namespace memsnap::recorder {

// Sources: linux/filter.h, linux/bpf_common.h, linux/seccomp.h.
struct FilterStep {
  std::uint16_t code;
  std::uint8_t if_true;
  std::uint8_t if_false;
  std::uint32_t k;
};
struct FilterProgram {
  std::uint16_t length;
  std::uint64_t steps;
};
struct FilterInput {
  std::uint32_t number;
  std::uint32_t architecture;
  std::uint64_t instruction;
  std::uint64_t arguments[6];
};
static_assert(sizeof(FilterStep) == 8 && sizeof(FilterProgram) == 16 && sizeof(FilterInput) == 64);

inline constexpr std::uint32_t kAuditX86 = 0xc000003e;
inline constexpr std::uint32_t kRetKill = 0;
inline constexpr std::uint32_t kRetErrno = 0x00050000;
inline constexpr std::uint32_t kRetLog = 0x7ffc0000;
inline constexpr std::uint32_t kRetAllow = 0x7fff0000;
inline constexpr std::uint32_t kRetAction = 0xffff0000;

/// The machine that such a program is written for.
class FilterMachine {
 public:
  explicit FilterMachine(const FilterInput& input) : input_(input) {}

  /// What the program returns; kRetKill where it is none that the kernel would take.
  std::uint32_t run(const FilterStep* steps, std::uint32_t length) {
    for (std::uint32_t at = 0; at < length; ++at) {
      const auto& step = steps[at];
      const auto operand = (step.code & 0x08) != 0 ? x_ : step.k;
      const auto kind = step.code & 0x07;
      if (kind == 0x00) {  // BPF_LD
        a_ = load(step);
      } else if (kind == 0x01) {  // BPF_LDX
        x_ = load(step);
      } else if (kind == 0x02) {  // BPF_ST
        store(step.k, a_);
      } else if (kind == 0x03) {  // BPF_STX
        store(step.k, x_);
      } else if (kind == 0x04) {  // BPF_ALU
        calculate(step.code & 0xf0, operand);
      } else if (kind == 0x05) {  // BPF_JMP
        const auto distance = jump(step, operand);
        if (distance >= length - at - 1) {
          return kRetKill;  // out of the program, or around for ever
        }
        at += distance;
      } else if (kind == 0x06) {  // BPF_RET
        return (step.code & 0x18) == 0x10 ? a_ : step.k;
      } else {  // BPF_MISC: tax, txa
        ((step.code & 0x80) != 0 ? a_ : x_) = (step.code & 0x80) != 0 ? x_ : a_;
      }
    }
    return kRetKill;
  }

 private:
  std::uint32_t load(const FilterStep& step) const {
    const auto mode = step.code & 0xe0;
    if (mode == 0x20 && step.k <= sizeof input_ - sizeof(std::uint32_t)) {  // BPF_ABS
      return *at<const std::uint32_t>(address_of(&input_) + (step.k & ~std::uint32_t{3}));
    }
    if (mode == 0x60 && step.k < kWords) {  // BPF_MEM
      return memory_[step.k];
    }
    return mode == 0x80 ? std::uint32_t{sizeof input_} : step.k;  // BPF_LEN, BPF_IMM
  }

  void store(std::uint32_t word, std::uint32_t value) {
    if (word < kWords) {
      memory_[word] = value;
    }
  }

  void calculate(unsigned operation, std::uint32_t operand) {
    if (operation == 0x00) {
      a_ += operand;
    } else if (operation == 0x10) {
      a_ -= operand;
    } else if (operation == 0x20) {
      a_ *= operand;
    } else if (operation == 0x30) {
      a_ = operand == 0 ? 0 : a_ / operand;
    } else if (operation == 0x40) {
      a_ |= operand;
    } else if (operation == 0x50) {
      a_ &= operand;
    } else if (operation == 0x60) {
      a_ <<= operand & 31;
    } else if (operation == 0x70) {
      a_ >>= operand & 31;
    } else if (operation == 0x80) {
      a_ = 0 - a_;
    } else if (operation == 0xa0) {
      a_ ^= operand;
    }
  }

  std::uint32_t jump(const FilterStep& step, std::uint32_t operand) const {
    const auto condition = step.code & 0xf0;
    if (condition == 0x00) {
      return step.k;
    }
    const bool holds = condition == 0x10   ? a_ == operand
                       : condition == 0x20 ? a_ > operand
                       : condition == 0x30 ? a_ >= operand
                                           : (a_ & operand) != 0;
    return holds ? step.if_true : step.if_false;
  }

  static constexpr std::uint32_t kWords = 16;

  const FilterInput& input_;
  std::uint32_t a_ = 0;
  std::uint32_t x_ = 0;
  std::uint32_t memory_[kWords] = {};
};

/// What a filter makes of a call of the recorder's own: whether it lets it pass, or, where `may_fail`, answers it with
/// an error.
inline bool lets_pass(const FilterProgram& program, const FilterInput& input, bool may_fail) {
  FilterMachine machine(input);
  const auto action = machine.run(at<const FilterStep>(program.steps), program.length) & kRetAction;
  return action == kRetAllow || action == kRetLog || (may_fail && action == kRetErrno);
}

inline FilterInput own_call(Call6 number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                            std::uint64_t d = 0, std::uint64_t e = 0) {
  return {static_cast<std::uint32_t>(number), kAuditX86, 0, {a, b, c, d, e, 0}};
}

inline constexpr std::uint32_t kAllDenied = (1U << static_cast<unsigned>(Denied::count)) - 1;

inline std::uint32_t denied_by(const FilterProgram& program) {
  constexpr std::uint64_t kNoFile = ~std::uint64_t{0};
  std::uint32_t denied = 0;
  const auto ask = [&](Denied call, const FilterInput& input, bool may_fail) {
    denied |= lets_pass(program, input, may_fail) ? 0 : 1U << static_cast<unsigned>(call);
  };
  ask(Denied::mmap, own_call(Call6::mmap, 0, kPage, kReadWrite, kPrivateAnonymous, kNoFile), true);
  ask(Denied::munmap, own_call(Call6::munmap, 0, kPage), true);
  ask(Denied::futex, own_call(Call6::futex, 0, kWaitPrivate), false);
  ask(Denied::getpid, own_call(Call6::getpid), false);
  ask(Denied::gettid, own_call(Call6::gettid), false);
  ask(Denied::arch_prctl, own_call(Call6::arch_prctl, kGetFs), false);
  ask(Denied::open, own_call(Call6::open), true);
  ask(Denied::read, own_call(Call6::read), true);
  ask(Denied::close, own_call(Call6::close), true);
  return denied;
}

inline bool is_range_readable(const Control& control, std::uint64_t address, std::uint64_t bytes) {
  for (auto page = address & ~(kPage - 1); page < address + bytes; page += kPage) {
    if (!is_readable(control, page)) {
      return false;
    }
  }
  return address != 0;
}

/// What the process is about to forbid itself, as bits of Denied. `call` has the arguments of prctl, or from the second
/// on those of syscall, whose first is the call's number. Source: prctl(2), seccomp(2).
inline std::uint32_t about_to_deny(const Control& control, const Call& call) {
  constexpr std::uint32_t kSetSeccomp = 22;
  constexpr std::uint32_t kPrctl = 157;
  constexpr std::uint32_t kSeccomp = 317;
  const auto* arguments = call.arguments;
  const auto number = static_cast<std::uint32_t>(arguments[0]);
  bool is_strict = false;
  std::uint64_t address = 0;
  if (call.site->pointer != 0 && number == kSeccomp) {
    is_strict = static_cast<std::uint32_t>(arguments[1]) == 0;  // SECCOMP_SET_MODE_STRICT
    address = static_cast<std::uint32_t>(arguments[1]) == 1 ? arguments[3] : 0;
  } else {
    if (call.site->pointer != 0 && number == kPrctl) {
      ++arguments;
    }
    if (static_cast<std::uint32_t>(arguments[0]) != kSetSeccomp) {
      return 0;
    }
    is_strict = arguments[1] == 1;  // SECCOMP_MODE_STRICT
    address = arguments[1] == 2 ? arguments[2] : 0;
  }
  if (is_strict) {
    return kAllDenied;
  }
  if (!is_range_readable(control, address, sizeof(FilterProgram))) {
    return 0;  // this is going to fail
  }
  const auto program = *at<const FilterProgram>(address);
  return is_range_readable(control, program.steps, program.length * sizeof(FilterStep)) ? denied_by(program) : 0;
}

/// Memory for the time when no more can be had.
inline void make_reserve(Control& control) {
  constexpr std::uint64_t kLargest = std::uint64_t{64} << 20;
  constexpr std::uint64_t kSmallest = std::uint64_t{1} << 20;
  for (auto size = kLargest; size >= kSmallest && control.reserve == control.reserve_end; size /= 4) {
    if (const auto address = ask_for_memory(size); address != 0) {
      control.reserve_end = address + size;
      __atomic_store_n(&control.reserve, address, __ATOMIC_RELAXED);
    }
  }
}

}  // namespace memsnap::recorder
