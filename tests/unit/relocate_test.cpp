#include "core/inject/relocate.h"

#include "tests/catch.h"
#include "tests/unit/code_bytes.h"

namespace memsnap {
namespace {

using test::code;
using test::hex;
using test::relative;

constexpr Address kFunction{0x7f0000400000};
constexpr Address kMoved{0x7f0000500000};
constexpr Address kFar{0x100000000};  // further away than a jump reaches

Result<MovedCode> relocated(std::string_view digits, std::uint64_t size = 0, Address to = kMoved) {
  const auto bytes = code(digits);
  return relocate({kFunction, bytes, size == 0 ? bytes.size() : size}, to);
}

std::string moved(std::string_view digits, std::uint64_t size = 0, Address to = kMoved) {
  const auto result = relocated(digits, size, to);
  if (!result) {
    return result.error().message;
  }
  CHECK(result->address == to);
  return hex(result->bytes);
}

// A `jmp` that is `at` bytes into the moved code and goes to `offset` in the function.
std::string jump(std::uint64_t at, std::uint64_t offset) {
  return "e9 " + relative(kMoved + at + 5, kFunction + offset);
}

std::string refusal(std::string_view digits, std::uint64_t size = 0, Address to = kMoved) {
  const auto result = relocated(digits, size, to);
  if (result) {
    return "moved: " + hex(result->bytes);
  }
  CHECK(result.error().code == Code::unsupported);
  return result.error().message;
}

TEST_CASE("plain instructions are copied, and go on behind the last that was replaced", "[unit][inject]") {
  // push %rbp; mov %rsp,%rbp; push %rbx; ret
  CHECK(moved("55 4889e5 53 c3") == "55 48 89 e5 53 " + jump(5, 5));
  // push %rbp; mov $1,%edi; ret: the second lies partly in the patch, and is moved as a whole
  CHECK(moved("55 bf01000000 c3") == "55 bf 01 00 00 00 " + jump(6, 6));
}

TEST_CASE("a leading endbr64 stays where it is", "[unit][inject]") {
  const auto result = relocated("f30f1efa 55 4889e5 53 c3");
  REQUIRE(result);
  CHECK(result->patch == kFunction + 4);
  CHECK(hex(result->bytes) == "55 48 89 e5 53 " + jump(5, 9));
  CHECK_FALSE(result->moved_address(kFunction));
  CHECK(result->moved_address(kFunction + 4) == kMoved);
}

TEST_CASE("operands relative to the program counter keep their address", "[unit][inject]") {
  const auto shifted = [](std::uint64_t end) { return relative(kMoved + end, kFunction + end + 0x2000); };
  // mov 0x2000(%rip),%rax; ret
  CHECK(moved("488b0500200000 c3") == "48 8b 05 " + shifted(7) + " " + jump(7, 7));
  // lea 0x2000(%rip),%rdi; ret
  CHECK(moved("488d3d00200000 c3") == "48 8d 3d " + shifted(7) + " " + jump(7, 7));
  // cmpq $1,0x2000(%rip); ret: a byte follows the displacement
  CHECK(moved("48833d0020000001 c3") == "48 83 3d " + shifted(8) + " 01 " + jump(8, 8));
  // movl $0x01020304,0x2000(%rip); ret
  CHECK(moved("c7050020000004030201 c3") == "c7 05 " + shifted(10) + " 04 03 02 01 " + jump(10, 10));
  // vmovdqu 0x2000(%rip),%ymm0; ret
  CHECK(moved("c5fe6f0500200000 c3") == "c5 fe 6f 05 " + shifted(8) + " " + jump(8, 8));
  // vmovdqu64 0x2000(%rip),%zmm16; ret
  CHECK(moved("62e1fe486f0500200000 c3") == "62 e1 fe 48 6f 05 " + shifted(10) + " " + jump(10, 10));
  // jmp *0x2000(%rip) goes nowhere else
  CHECK(moved("ff2500200000") == "ff 25 " + shifted(6));
  // mov (%rsp),%rax and mov %fs:0,%rax are not of them
  CHECK(moved("488b0424 90 c3") == "48 8b 04 24 90 " + jump(5, 5));
  CHECK(moved("64488b042500000000 c3") == "64 48 8b 04 25 00 00 00 00 " + jump(9, 9));
}

TEST_CASE("an operand out of reach is refused", "[unit][inject]") {
  CHECK(refusal("488b0500200000 c3", 0, kFar).starts_with("an operand at +0x0 that is out of reach"));
  CHECK(refusal("90 ff1500200000 c3", 0, kFar).starts_with("an operand at +0x1 that is out of reach"));
  // 32-bit addresses: mov 0x2000(%eip),%eax
  CHECK(refusal("678b0500200000 c3") == "an instruction at +0x0 that cannot be moved");
}

// The digits with nops behind them, up to `size` bytes, and a ret.
std::string filled(std::string_view digits, std::size_t size) {
  auto all = hex(code(digits));
  for (auto at = code(digits).size(); at < size; ++at) {
    all += " 90";
  }
  return all + " c3";
}

TEST_CASE("jumps keep their target, and nothing follows them", "[unit][inject]") {
  CHECK(moved("4889f8 e9fb0f0000") == "48 89 f8 " + jump(3, 0x1003));
  CHECK(moved("e9fbefffff") == "e9 " + relative(kMoved + 5, kFunction - 0x1000));
  // short: jmp +0x20 over nops
  CHECK(moved(filled("4889f8 eb20", 0x30)) == "48 89 f8 " + jump(3, 0x25));
  // a prefix without a meaning: bnd jmp
  CHECK(moved("f2e9fa0f0000") == jump(0, 0x1000));
}

TEST_CASE("conditional branches are widened and keep their target", "[unit][inject]") {
  for (unsigned condition = 0; condition < 16; ++condition) {
    // test %rdi,%rdi; jcc +0x10
    const auto wide = fmt::format("48 85 ff 0f {:02x} ", 0x80 | condition) + relative(kMoved + 9, kFunction + 0x15) +
                      " " + jump(9, 5);
    CHECK(moved(filled(fmt::format("4885ff {:02x}10", 0x70 | condition), 0x20)) == wide);
    CHECK(moved(fmt::format("4885ff 0f{:02x}f70f0000 c3", 0x80 | condition)) ==
          fmt::format("48 85 ff 0f {:02x} ", 0x80 | condition) + relative(kMoved + 9, kFunction + 0x1000) + " " +
              jump(9, 9));
  }
  // two of them
  CHECK(moved(filled("7410 7510 90", 0x20)) == "0f 84 " + relative(kMoved + 6, kFunction + 0x12) + " 0f 85 " +
                                                   relative(kMoved + 12, kFunction + 0x14) + " 90 " + jump(13, 5));
}

TEST_CASE("loop and jrcxz go by a jump that is wide", "[unit][inject]") {
  for (const std::string opcode : {"e0", "e1", "e2", "e3"}) {
    CHECK(moved(filled("4885ff " + opcode + "10", 0x20)) ==
          "48 85 ff " + opcode + " 02 eb 05 " + jump(7, 0x15) + " " + jump(12, 5));
  }
  // jecxz keeps its prefix
  CHECK(moved(filled("90 90 67e310", 0x20)) == "90 90 67 e3 02 eb 05 " + jump(7, 0x15) + " " + jump(12, 5));
}

TEST_CASE("what is out of a jump's reach is jumped to by its address", "[unit][inject]") {
  const auto far = [](std::uint64_t offset) { return "ff 25 00 00 00 00 " + hex((kFunction + offset).value); };
  CHECK(moved("55 4889e5 53 c3", 0, kFar) == "55 48 89 e5 53 " + far(5));
  CHECK(moved(filled("4885ff 7410", 0x20), 0, kFar) == "48 85 ff 75 0e " + far(0x15) + " " + far(5));
  CHECK(moved(filled("4885ff e310", 0x20), 0, kFar) == "48 85 ff e3 02 eb 0e " + far(0x15) + " " + far(5));
}

TEST_CASE("a branch back to the start stays in the moved code", "[unit][inject]") {
  // dec %rdi; jne to the start; ret
  CHECK(moved("48ffcf 75fb c3") == "48 ff cf 0f 85 " + relative(kMoved + 9, kMoved) + " " + jump(9, 5));
}

TEST_CASE("a call that ends what is replaced leaves its own return address", "[unit][inject]") {
  const auto pushed = [](std::uint64_t offset) { return hex((kFunction + offset).value); };
  // push %rax; call +0x1000; ret
  CHECK(moved("50 e8fa0f0000 c3") == "50 ff 35 05 00 00 00 " + jump(7, 0x1000) + " " + pushed(6));
  CHECK(moved("50 e8fa0f0000 c3", 0, kFar) ==
        "50 ff 35 0e 00 00 00 ff 25 00 00 00 00 " + hex((kFunction + 0x1000).value) + " " + pushed(6));
  // push %rax; call *0x2000(%rip); ret
  CHECK(moved("50 ff1500200000 c3") ==
        "50 ff 35 06 00 00 00 ff 25 " + relative(kMoved + 13, kFunction + 0x2007) + " " + pushed(7));
  // mov %rdi,%rax; call *%rax; call *%r12; call *0x10(%rax)
  CHECK(moved("4889f8 ffd0 c3") == "48 89 f8 ff 35 02 00 00 00 ff e0 " + pushed(5));
  CHECK(moved("4989fc 41ffd4 c3") == "49 89 fc ff 35 03 00 00 00 41 ff e4 " + pushed(6));
  CHECK(moved("4889f8 ff5010 c3") == "48 89 f8 ff 35 03 00 00 00 ff 60 10 " + pushed(6));
}

TEST_CASE("other calls are refused", "[unit][inject]") {
  // call *%rax; push %rbx; ...
  CHECK(refusal("ffd0 53 4889c3 c3") == "a call at +0x0, within the bytes to be replaced");
  // push %rax; call *8(%rsp): the push of the return address would move it
  CHECK(refusal("50 ff542408 c3") == "an instruction at +0x1 that cannot be moved");
  CHECK(refusal("909090 ffd4 c3") == "an instruction at +0x3 that cannot be moved");
  // a far one: lcall *(%rax)
  CHECK(refusal("909090 ff18 c3") == "an instruction at +0x3 that cannot be moved");
  // r12 has rsp's number, but for a bit elsewhere: call *8(%r12)
  CHECK(moved("41ff542408 c3") == "ff 35 05 00 00 00 41 ff 64 24 08 " + hex((kFunction + 5).value));
}

TEST_CASE("branches in forms that nobody writes are refused", "[unit][inject]") {
  CHECK(refusal("c7f800010000 c3") == "an instruction at +0x0 that cannot be moved");  // xbegin
  CHECK(refusal("660f8400010000 c3").starts_with("an instruction at +0x0"));           // jcc with a 16-bit operand
}

TEST_CASE("bytes that are no instruction are refused, wherever in the function", "[unit][inject]") {
  CHECK(refusal("06 9090909090 c3") == "no instruction at +0x0");
  const auto result = relocated("90909090909090 06 c3");
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "no instruction at +0x7");
  CHECK(result.error().address == kFunction + 7);
  CHECK(refusal("9090909090 e90000") == "no instruction at +0x5");  // cut off by the function's end
}

TEST_CASE("a branch into the bytes to be replaced is refused, one to either end of them is not", "[unit][inject]") {
  // nop, nop, nop, mov $1,%eax (3 to 8), and at 8 a jmp
  const auto with_jump_to = [](int target) {
    return fmt::format("909090 b801000000 eb{:02x} c3", static_cast<unsigned>(target - 10) & 0xff);
  };
  for (const int inside : {1, 2, 3, 4, 5, 7}) {
    CHECK(refusal(with_jump_to(inside)) == "what is at +0x8 goes into the bytes to be replaced");
  }
  for (const int outside : {0, 8}) {
    CHECK(relocated(with_jump_to(outside)));
  }
  // by what is moved itself: jne to the nop; by a loop; by a call; by an address taken: lea -9(%rip),%rax
  CHECK(refusal("7500 909090 c3") == "what is at +0x0 goes into the bytes to be replaced");
  CHECK(refusal("9090909090 e2fa c3") == "what is at +0x5 goes into the bytes to be replaced");
  CHECK(refusal("9090909090 e8f8ffffff c3") == "what is at +0x5 goes into the bytes to be replaced");
  CHECK(refusal("9090909090 488d05f7ffffff ffe0") == "what is at +0x5 goes into the bytes to be replaced");
  // behind an endbr64 the first replaced byte is the fifth
  CHECK(relocated("f30f1efa 9090909090 ebf9 c3"));
  CHECK(refusal("f30f1efa 9090909090 ebfa c3") == "what is at +0x9 goes into the bytes to be replaced");
}

TEST_CASE("a short function takes the padding behind it", "[unit][inject]") {
  // xor %eax,%eax; ret
  CHECK(moved("31c0 c3 9090", 3) == "31 c0 c3");
  CHECK(moved("31c0 c3 cccc", 3) == "31 c0 c3");
  CHECK(moved("31c0 c3 0000", 3) == "31 c0 c3");
  CHECK(moved("31c0 c3 6690", 3) == "31 c0 c3");
  CHECK(moved("31c0 c3 0f1f00", 3) == "31 c0 c3");
  CHECK(moved("c3 662e0f1f840000000000", 1) == "c3");
  CHECK(moved("0f0b 909090", 2) == "0f 0b");
  CHECK(moved("ffe0 cccccc", 2) == "ff e0");
  CHECK(moved("eb40 cccccc", 2) == jump(0, 0x42));
  CHECK(moved("f30f1efa c3 0f1f4000", 5) == "c3");
  const auto result = relocated("31c0 c3 9090", 3);
  REQUIRE(result);
  CHECK(result->patch_size == kPatchSize);
}

TEST_CASE("padding inside a function is as good", "[unit][inject]") {
  // jmp +3 over nops; ret
  CHECK(moved("eb03 909090 c3") == jump(0, 5));
  // but the code that a branch may come to is not padding
  CHECK(refusal("eb02 31c0 c3 c3") == "too short to be patched");
}

TEST_CASE("what is too short is refused", "[unit][inject]") {
  const std::string too_short = "too short to be patched";
  CHECK(refusal("c3") == too_short);
  CHECK(refusal("31c0 c3") == too_short);
  CHECK(refusal("31c0 c3 90", 3) == too_short);     // not enough padding
  CHECK(refusal("31c0 c3 90 55", 3) == too_short);  // other code
  CHECK(refusal("31c0 90 90 90", 3) == too_short);  // goes on into the padding
  CHECK(refusal("ffd0 90 90 90", 2) == too_short);  // as the caller's return may
  CHECK(refusal("f30f1efa", 4) == too_short);
  CHECK(refusal("f30f1efa 90909090", 8) == too_short);
  CHECK(refusal("90909090", 5) == "not all of its code is at hand");
  CHECK(refusal("") == too_short);
}

TEST_CASE("padding ends where functions are aligned to", "[unit][inject]") {
  const auto bytes = code("31c0 c3 9090909090");
  CHECK(relocate({kFunction + 11, bytes, 3}, kMoved));
  CHECK_FALSE(relocate({kFunction + 12, bytes, 3}, kMoved));
  CHECK_FALSE(relocate({kFunction + 13, bytes, 3}, kMoved));
}

TEST_CASE("a function of unknown size ends where nothing flows on", "[unit][inject]") {
  const auto unknown = [](std::string_view digits) {
    const auto bytes = code(digits);
    const auto result = relocate({kFunction, bytes, 0}, kMoved);
    return result ? hex(result->bytes) : result.error().message;
  };
  // what follows the ret is not looked at
  CHECK(unknown("4889f8 6690 c3 06 06") == "48 89 f8 66 90 " + jump(5, 5));
  // a branch beyond the first ret: je to the second part, which branches into the replaced bytes
  CHECK(unknown("4885ff 7401 c3 ebf9 06") == "what is at +0x6 goes into the bytes to be replaced");
  CHECK(unknown("c3 cccccccc") == "c3");
  CHECK(unknown("c3 55 4889e5 c3") == "too short to be patched");
  // and so is the end of what is at hand
  CHECK(unknown("4889f8 6690 31c0") == "48 89 f8 66 90 " + jump(5, 5));
  // a jump to another function, before or behind what is at hand, is an end
  CHECK(unknown("4889f8 eb7f 06") == "48 89 f8 " + jump(3, 5 + 0x7f));
  CHECK(unknown("4889f8 eb80 06") == "48 89 f8 e9 " + relative(kMoved + 8, kFunction + 5 - 0x80));
}

TEST_CASE("a thread at a moved instruction can be taken there", "[unit][inject]") {
  // test %rdi,%rdi; je +0x10 (widened by four bytes)
  const auto result = relocated(filled("90 7410 4885ff", 0x20));
  REQUIRE(result);
  CHECK(result->instructions == std::vector<MovedInstruction>{{0, 0}, {1, 1}, {3, 7}});
  CHECK(result->patch_size == 6);
  CHECK(result->moved_address(kFunction) == kMoved);
  CHECK(result->moved_address(kFunction + 1) == kMoved + 1);
  CHECK(result->moved_address(kFunction + 3) == kMoved + 7);
  for (const auto other : {2U, 4U, 5U, 6U, 7U}) {
    CHECK_FALSE(result->moved_address(kFunction + other));
  }
  CHECK_FALSE(result->moved_address(kFunction - 1));
}

}  // namespace
}  // namespace memsnap
