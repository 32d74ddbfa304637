#include "core/unwind/walk.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

namespace memsnap {
namespace {

// A signal handler may run on a stack of its own, so that the interrupted frame lies anywhere; but not often.
constexpr unsigned kMostStackSwitches = 8;
// Below an interrupted rsp lie bytes that the kernel leaves alone: after `leave` the saved rbp is still there.
constexpr std::uint64_t kRedZone = 128;
// How far above rsp a frame pointer is believed where no CFI says that it is one.
constexpr std::uint64_t kLargestGuessedFrame = std::uint64_t{1} << 20;

// Nothing is mapped in the first page, so no code returns there.
constexpr std::uint64_t kLowestCode = 4096;

// In the kernel's rt_sigframe, from the ucontext on, which is where rsp points in the trampoline.
constexpr std::uint64_t kSavedRbp = 120;
constexpr std::uint64_t kSavedRsp = 160;
constexpr std::uint64_t kSavedRip = 168;

enum class Step : std::uint8_t { caller, outermost, stuck };

class Walker {
 public:
  // `inside`: how far the instruction that is being executed begins before rip.
  Walker(const Registers& registers, MemoryReader& memory, const ModuleMap& modules, UnwindTableSource& tables,
         std::uint64_t inside)
      : memory_(memory),
        modules_(modules),
        tables_(tables),
        rip_(registers.get(Register::rip).value_or(0)),
        lookup_(rip_ - inside),
        rsp_(registers.get(Register::rsp)),
        rbp_(registers.get(Register::rbp)) {}

  Address address() const { return {rip_}; }
  std::optional<Address> stack() const { return rsp_ ? std::optional(Address{*rsp_}) : std::nullopt; }

  Pc pc() const {
    auto pc = modules_.to_pc({lookup_});
    ++pc.offset;
    return pc;
  }

  Step step() {
    if (!rsp_) {
      return Step::stuck;
    }
    const auto* module = modules_.find({lookup_});
    const auto* table = module == nullptr ? nullptr : tables_.table(module->id);
    const auto* row = table == nullptr ? nullptr : table->find(lookup_ - module->bias);
    if (row == nullptr) {
      return is_sigreturn_code() ? signal_frame() : frame_pointer();
    }
    switch (row->rule) {
      case CfaRule::rsp_offset:
        return caller(*rsp_, *row, row->cfa_offset);
      case CfaRule::rbp_offset:
        return rbp_ ? caller(*rbp_, *row, row->cfa_offset) : Step::stuck;
      case CfaRule::plt:
        // Nothing is called from a PLT entry: its pc was interrupted, and is looked up as it is.
        return caller(*rsp_, *row, 8 + (static_cast<std::int32_t>(lookup_ & 15) >= row->cfa_offset ? 8 : 0));
      case CfaRule::signal_frame:
        return signal_frame();
      case CfaRule::outermost:
        return Step::outermost;
      case CfaRule::uncovered:
      case CfaRule::unsupported:
        break;
    }
    return Step::stuck;
  }

 private:
  std::optional<std::uint64_t> word(std::uint64_t address) {
    std::array<std::byte, sizeof(std::uint64_t)> bytes{};
    if (memory_.read({address}, bytes) != bytes.size()) {
      return std::nullopt;
    }
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  static std::uint64_t moved(std::uint64_t base, std::int32_t by) {
    return base + static_cast<std::uint64_t>(std::int64_t{by});
  }

  void enter_caller(std::uint64_t return_address, std::uint64_t cfa, std::optional<std::uint64_t> rbp) {
    rip_ = return_address;
    lookup_ = return_address - 1;
    rsp_ = cfa;
    rbp_ = rbp;
    interrupted_ = false;
  }

  Step caller(std::uint64_t base, const UnwindRow& row, std::int32_t cfa_offset) {
    const auto cfa = moved(base, cfa_offset);
    if (cfa <= *rsp_ || cfa - *rsp_ < 8) {
      return Step::stuck;
    }
    const auto return_address = word(cfa - 8);
    if (!return_address) {
      return Step::stuck;
    }
    auto rbp = rbp_;
    if (row.rbp_offset != UnwindRow::kRbpUnchanged) {
      const auto slot = moved(cfa, row.rbp_offset);
      const auto lowest = interrupted_ && *rsp_ >= kRedZone ? *rsp_ - kRedZone : *rsp_;
      // Without its rbp a caller can still be found, unless that one needs it.
      rbp = slot >= lowest ? word(slot) : std::nullopt;
    }
    // The dynamic loader's first frame has the argument count in this place.
    if (*return_address < kLowestCode) {
      return Step::outermost;
    }
    enter_caller(*return_address, cfa, rbp);
    return Step::caller;
  }

  Step signal_frame() {
    const auto rip = word(*rsp_ + kSavedRip);
    const auto rsp = word(*rsp_ + kSavedRsp);
    const auto rbp = word(*rsp_ + kSavedRbp);
    if (!rip || !rsp || !rbp || (*rsp <= *rsp_ && ++stack_switches_ > kMostStackSwitches)) {
      return Step::stuck;
    }
    rip_ = *rip;
    lookup_ = *rip;
    rsp_ = rsp;
    rbp_ = rbp;
    interrupted_ = true;
    return Step::caller;
  }

  // C libraries that have no CFI for the trampoline (musl) still have its code: mov $15, %rax; syscall.
  bool is_sigreturn_code() {
    constexpr std::array<unsigned char, 9> kCode = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    std::array<std::byte, kCode.size()> bytes{};
    return memory_.read({rip_}, bytes) == bytes.size() && std::memcmp(bytes.data(), kCode.data(), kCode.size()) == 0;
  }

  Step frame_pointer() {
    if (!rbp_ || *rbp_ < *rsp_ || *rbp_ % 8 != 0 || *rbp_ - *rsp_ > kLargestGuessedFrame) {
      return Step::stuck;
    }
    const auto saved_rbp = word(*rbp_);
    const auto return_address = word(*rbp_ + 8);
    if (!saved_rbp || !return_address || *return_address == 0 || modules_.find({*return_address - 1}) == nullptr) {
      return Step::stuck;
    }
    enter_caller(*return_address, *rbp_ + 16, saved_rbp);
    return Step::caller;
  }

  MemoryReader& memory_;
  const ModuleMap& modules_;
  UnwindTableSource& tables_;
  std::uint64_t rip_;
  std::uint64_t lookup_;  // inside the instruction that is being executed: the call, or the interrupted one
  std::optional<std::uint64_t> rsp_;
  std::optional<std::uint64_t> rbp_;
  bool interrupted_ = false;
  unsigned stack_switches_ = 0;
};

}  // namespace

Traceback walk(const Registers& registers, MemoryReader& memory, const ModuleMap& modules, UnwindTableSource& tables,
               std::size_t limit) {
  Walker walker(registers, memory, modules, tables, 1);
  Traceback traceback;
  for (;;) {
    traceback.frames.push_back({FrameKind::native, walker.pc()});
    const auto at = walker.address();
    const auto step = walker.step();
    if (step == Step::outermost) {
      return traceback;
    }
    if (traceback.frames.size() >= limit) {
      traceback.end = TracebackEnd::frame_limit;
      return traceback;
    }
    if (step == Step::stuck) {
      traceback.end = TracebackEnd::no_unwind_info;
      traceback.stopped_at = at;
      return traceback;
    }
  }
}

std::optional<Caller> find_caller(const Registers& registers, MemoryReader& memory, const ModuleMap& modules,
                                  UnwindTableSource& tables) {
  Walker walker(registers, memory, modules, tables, 0);
  if (walker.step() != Step::caller || !walker.stack()) {
    return std::nullopt;
  }
  return Caller{walker.address(), *walker.stack()};
}

}  // namespace memsnap
