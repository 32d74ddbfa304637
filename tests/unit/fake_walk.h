#pragma once

#include <cstdint>

#include "core/unwind/walk.h"
#include "tests/unit/fake_memory.h"

namespace memsnap::test {

inline constexpr std::uint64_t kBias = 0x10000;
inline constexpr std::uint64_t kStack = 0x700000;
inline constexpr auto kSame = UnwindRow::kRbpUnchanged;
inline constexpr ModuleId kModule{0};

// One module at kBias with 0x100 bytes for each of these functions, and a page of stack.
class Walk : public UnwindTableSource {
 public:
  Walk() {
    registers.set(Register::rip, at(plain));
    registers.set(Register::rsp, kStack);
    registers.set(Register::rbp, 0);
    memory.map(kStack, 0x1000);
  }

  enum Function : std::uint64_t {
    plain = 0x1000,      // CFA = rsp + 16
    framed = 0x1100,     // CFA = rbp + 16, rbp at CFA - 16
    outermost = 0x1200,  // no caller
    trampoline = 0x1300,
    unsupported = 0x1400,
    uncovered = 0x1500,
    leaving = 0x1600,  // behind `leave`: CFA = rsp + 8, rbp still at CFA - 16
    plt = 0x1700,
    sinking = 0x1800,   // CFA = rsp - 8
    standing = 0x1900,  // CFA = rsp
  };
  // A return address in a function, in memory.
  static std::uint64_t at(Function function, std::uint64_t by = 0x10) { return kBias + function + by; }

  const UnwindTable* table(ModuleId id) override { return id == kModule ? &table_ : nullptr; }

  Traceback run(std::size_t limit = 100) { return walk(registers, memory, modules, *this, limit); }

  void put(std::uint64_t offset, std::uint64_t value) { memory.put(kStack + offset, value); }
  void put_signal_frame(std::uint64_t offset, std::uint64_t rip, std::uint64_t rsp, std::uint64_t rbp) {
    put(offset + 120, rbp);
    put(offset + 160, rsp);
    put(offset + 168, rip);
  }

  Registers registers;
  FakeMemory memory;
  ModuleMap modules{{{kModule, kBias, {{{kBias + 0x1000}, {kBias + 0x2000}}}}}};

 private:
  UnwindTable table_{{{plain, CfaRule::rsp_offset, 16, kSame},
                      {framed, CfaRule::rbp_offset, 16, -16},
                      {outermost, CfaRule::outermost, 0, kSame},
                      {trampoline, CfaRule::signal_frame, 0, kSame},
                      {unsupported, CfaRule::unsupported, 0, kSame},
                      {uncovered, CfaRule::uncovered, 0, kSame},
                      {leaving, CfaRule::rsp_offset, 8, -16},
                      {plt, CfaRule::plt, 11, kSame},
                      {sinking, CfaRule::rsp_offset, -8, kSame},
                      {standing, CfaRule::rsp_offset, 0, kSame}},
                     0x2000};
};

}  // namespace memsnap::test
