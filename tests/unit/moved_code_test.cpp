// Runs moved code, and compares with what the original does.

#include <algorithm>
#include <array>
#include <cstring>

#include "core/inject/hook_plan.h"
#include "core/inject/instruction.h"
#include "core/recorder/layout.h"
#include "tests/catch.h"
#include "tests/unit/code_bytes.h"
#include "tests/unit/code_generator.h"
#include "tests/unit/own_pages.h"

namespace {

// What a piece of code is given and leaves behind. Registers by their numbers: rax, rcx, rdx, rbx, rsp, ...
struct Machine {
  std::array<std::uint64_t, 16> registers;
  std::uint64_t flags;

  bool operator==(const Machine&) const = default;
};

}  // namespace

extern "C" {
// Calls `code` with the registers of `machine`, its rsp included, and stores those that it returns with.
[[gnu::visibility("hidden")]] void memsnap_test_run(Machine* machine, const void* code);
// What stubs jump to: a hook that does nothing.
[[gnu::visibility("hidden")]] void memsnap_test_pass();
}

asm(R"(
  .pushsection .text
  .globl memsnap_test_run, memsnap_test_pass
  .hidden memsnap_test_run, memsnap_test_pass
memsnap_test_run:
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rdi, .Lmemsnap_machine(%rip)
  mov %rsi, .Lmemsnap_code(%rip)
  mov %rsp, .Lmemsnap_rsp(%rip)
  mov 32(%rdi), %rsp
  pushq 128(%rdi)
  popfq
  mov 0(%rdi), %rax
  mov 8(%rdi), %rcx
  mov 16(%rdi), %rdx
  mov 24(%rdi), %rbx
  mov 40(%rdi), %rbp
  mov 48(%rdi), %rsi
  mov 64(%rdi), %r8
  mov 72(%rdi), %r9
  mov 80(%rdi), %r10
  mov 88(%rdi), %r11
  mov 96(%rdi), %r12
  mov 104(%rdi), %r13
  mov 112(%rdi), %r14
  mov 120(%rdi), %r15
  mov 56(%rdi), %rdi
  call *.Lmemsnap_code(%rip)
  mov %rdi, .Lmemsnap_rdi(%rip)
  mov .Lmemsnap_machine(%rip), %rdi
  mov %rax, 0(%rdi)
  mov %rcx, 8(%rdi)
  mov %rdx, 16(%rdi)
  mov %rbx, 24(%rdi)
  mov %rsp, 32(%rdi)
  mov %rbp, 40(%rdi)
  mov %rsi, 48(%rdi)
  mov .Lmemsnap_rdi(%rip), %rax
  mov %rax, 56(%rdi)
  mov %r8, 64(%rdi)
  mov %r9, 72(%rdi)
  mov %r10, 80(%rdi)
  mov %r11, 88(%rdi)
  mov %r12, 96(%rdi)
  mov %r13, 104(%rdi)
  mov %r14, 112(%rdi)
  mov %r15, 120(%rdi)
  pushfq
  popq 128(%rdi)
  mov .Lmemsnap_rsp(%rip), %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret
memsnap_test_pass:
  jmp *(%r11)
  .popsection
  .pushsection .bss
  .balign 8
.Lmemsnap_machine:
  .skip 8
.Lmemsnap_code:
  .skip 8
.Lmemsnap_rsp:
  .skip 8
.Lmemsnap_rdi:
  .skip 8
  .popsection
)");

namespace memsnap {
namespace {

using namespace test;

static_assert(offsetof(layout::Site, original) == 0);

// Everything that code can change.
struct Outcome {
  Machine machine{};
  std::vector<std::byte> data;
  std::vector<std::byte> stack;

  bool operator==(const Outcome&) const = default;
};

class Laboratory {
 public:
  Laboratory() : pages_(kPagesSize, {}), far_(0x1000, pages_.begin() - (std::uint64_t{16} << 30)) {
    // mov (%rsp),%rdx; add %rdx,%rax; push %rbx; pop %r9; ret: where it returns to makes a difference
    write(place(kCallee), code("488b1424 4801d0 53 4159 c3"));
  }

  Address place(std::uint64_t offset) const { return pages_.begin() + offset; }
  Address far() const { return far_.begin(); }

  void randomise(CodeGenerator& generator) {
    constexpr std::uint64_t kArithmetic = 0x8d5;  // CF, PF, AF, ZF, SF, OF
    for (auto& value : start_.registers) {
      value = generator.below(4) == 0 ? generator.below(3) : generator.word() << 32 | generator.word();
    }
    start_.registers[4] = place(kStack + kStackSize / 2).value;
    start_.registers[11] = address_of(&site).value;
    start_.flags = (generator.word() & kArithmetic) | 2;
    data_.resize(kDataSize);
    for (std::size_t i = 0; i < kDataSize; i += 4) {
      const auto word = static_cast<std::uint32_t>(generator.word());
      std::memcpy(data_.data() + i, &word, sizeof word);
    }
    const auto callee = place(kCallee).value;
    std::memcpy(data_.data() + (kCalleePointer - kData), &callee, sizeof callee);
  }

  Outcome run(Address code) {
    write(place(kData), data_);
    std::fill_n(at(place(kStack)), kStackSize, std::byte{0x5a});
    Outcome outcome{start_, {}, {}};
    memsnap_test_run(&outcome.machine, at(code));
    outcome.data.assign(at(place(kData)), at(place(kData)) + kDataSize);
    outcome.stack.assign(at(place(kStack)), at(place(kStack)) + kStackSize);
    return outcome;
  }

  layout::Site site{};

 private:
  Pages pages_;
  Pages far_;
  Machine start_{};
  std::vector<std::byte> data_;
};

TEST_CASE("moved code computes what it computed before, by way of a hook too", "[unit][inject]") {
  constexpr std::size_t kFunctions = 6000;
  constexpr std::size_t kInputs = 4;
  CodeGenerator generator(20250711);
  Laboratory laboratory;
  const auto entry = laboratory.place(kCode);
  std::size_t accepted = 0;
  std::size_t accepted_far = 0;
  std::array<std::size_t, 7> flows{};  // of instructions that were moved
  std::size_t operands = 0;
  for (std::size_t i = 0; i < kFunctions; ++i) {
    const auto function = generator.function();
    auto bytes = function;
    bytes.resize((bytes.size() + 15) / 16 * 16, std::byte{0x90});
    write(entry, bytes);
    CAPTURE(i, hex(function));

    NearArea area({laboratory.place(kNear) + generator.below(0x1000), laboratory.place(kPagesSize)});
    const auto plan =
        plan_hook({entry, bytes, function.size(), address_of(&laboratory.site), address_of(&memsnap_test_pass)}, area);
    const auto far = relocate({entry, bytes, function.size()}, laboratory.far());
    if (!plan) {
      REQUIRE(plan.error().code == Code::unsupported);
      REQUIRE_FALSE(far);
      continue;
    }
    ++accepted;
    write(plan->stub, plan->stub_bytes);
    write(plan->moved.address, plan->moved.bytes);
    laboratory.site.original = plan->moved.address.value;
    if (far) {
      ++accepted_far;
      write(far->address, far->bytes);
    }
    for (const auto& moved : plan->moved.instructions) {
      const auto offset = plan->moved.patch - entry + moved.original;
      const auto instruction = decode_instruction(std::span(bytes).subspan(offset), entry + offset);
      REQUIRE(instruction);
      ++flows[static_cast<std::size_t>(instruction->flow)];
      operands += instruction->operand ? 1U : 0U;
    }
    for (std::size_t input = 0; input < kInputs; ++input) {
      laboratory.randomise(generator);
      const auto expected = laboratory.run(entry);
      REQUIRE((laboratory.run(plan->moved.address) == expected));
      if (far) {
        REQUIRE((laboratory.run(far->address) == expected));
      }
      write(plan->moved.patch, plan->patched);
      const auto hooked = laboratory.run(entry);
      write(plan->moved.patch, plan->original);
      REQUIRE((hooked == expected));
    }
    REQUIRE(std::ranges::equal(bytes, std::span(at(entry), bytes.size())));
  }
  CAPTURE(accepted, accepted_far, flows, operands);
  CHECK(accepted > kFunctions / 2);
  CHECK(accepted_far > kFunctions / 4);
  CHECK(operands > 1000);
  CHECK(std::ranges::all_of(flows, [](std::size_t count) { return count > 100; }));
}

TEST_CASE("a loop back to the first instruction runs in the moved code", "[unit][inject]") {
  Laboratory laboratory;
  const auto entry = laboratory.place(kCode);
  // add %rdx,%rax; loop to the start; ret
  const auto bytes = code("4801d0 e2fb c3");
  write(entry, bytes);
  const auto moved = relocate({entry, bytes, bytes.size()}, laboratory.place(kNear));
  REQUIRE(moved);
  write(moved->address, moved->bytes);
  Machine machine{};
  machine.registers[1] = 10;
  machine.registers[2] = 7;
  machine.registers[4] = laboratory.place(kStack + kStackSize / 2).value;
  memsnap_test_run(&machine, at(moved->address));
  CHECK(machine.registers[0] == 70);
}

}  // namespace
}  // namespace memsnap
