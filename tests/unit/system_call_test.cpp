#include "plugin/system_call.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/fake_memory.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kPage = 0x1000;

// A kernel that answers as it is told, and remembers what it was asked.
struct FakeKernel {
  std::deque<std::int64_t> answers;
  std::vector<SystemCall> calls;

  SystemCaller caller() {
    return [this](const SystemCall& call) -> Result<std::int64_t> {
      calls.push_back(call);
      if (answers.empty()) {
        return fail(Code::debugger, "no thread");
      }
      const auto answer = answers.front();
      answers.pop_front();
      return answer;
    };
  }
};

TEST_CASE("memory is mapped where the kernel likes", "[unit]") {
  FakeKernel kernel{{0x7f0000001000}, {}};
  const auto mapped = map_memory(kernel.caller(), 3 * kPage, Protection::read_write, std::nullopt);
  REQUIRE(mapped);
  CHECK(mapped->value == 0x7f0000001000);
  REQUIRE(kernel.calls.size() == 1);
  CHECK(kernel.calls[0].number == SYS_mmap);
  CHECK(kernel.calls[0].arguments == std::array<std::uint64_t, 6>{0, 3 * kPage, PROT_READ | PROT_WRITE,
                                                                  MAP_PRIVATE | MAP_ANONYMOUS, ~std::uint64_t{0}, 0});
}

TEST_CASE("memory is mapped at a place, and replaces nothing", "[unit]") {
  FakeKernel kernel{{0x5000}, {}};
  const auto mapped = map_memory(kernel.caller(), kPage, Protection::read_execute, Address{0x5000});
  REQUIRE(mapped);
  CHECK(mapped->value == 0x5000);
  CHECK(kernel.calls[0].arguments[0] == 0x5000);
  CHECK(kernel.calls[0].arguments[2] == (PROT_READ | PROT_EXEC));
  CHECK(kernel.calls[0].arguments[3] == (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE));
}

TEST_CASE("a place that is taken is told from memory that cannot be had", "[unit]") {
  const auto error = [](std::int64_t answer, std::optional<Address> at) {
    FakeKernel kernel{{answer}, {}};
    return map_memory(kernel.caller(), kPage, Protection::read_write, at).error();
  };
  CHECK(error(-EEXIST, Address{0x5000}).code == Code::unmapped);
  CHECK(error(-EEXIST, Address{0x5000}).address.value == 0x5000);
  CHECK(error(-EPERM, Address{0x1000}).code == Code::unmapped);
  CHECK(error(-ENOMEM, std::nullopt).code == Code::debugger);
  CHECK(error(-EACCES, Address{0x5000}).code == Code::debugger);
}

TEST_CASE("what a kernel without the flag maps elsewhere is given back", "[unit]") {
  FakeKernel kernel{{0x9000, 0}, {}};
  const auto mapped = map_memory(kernel.caller(), kPage, Protection::read_write, Address{0x5000});
  REQUIRE_FALSE(mapped);
  CHECK(mapped.error().code == Code::unmapped);
  REQUIRE(kernel.calls.size() == 2);
  CHECK(kernel.calls[1].number == SYS_munmap);
  CHECK(kernel.calls[1].arguments[0] == 0x9000);
  CHECK(kernel.calls[1].arguments[1] == kPage);
}

TEST_CASE("a call that cannot be made is the caller's error", "[unit]") {
  FakeKernel kernel;
  const auto mapped = map_memory(kernel.caller(), kPage, Protection::read_write, std::nullopt);
  REQUIRE_FALSE(mapped);
  CHECK(mapped.error().message == "no thread");
}

TEST_CASE("an instruction that calls the kernel is found in code, in the vdso first", "[unit]") {
  test::FakeMemory memory;
  const auto mapping = [&memory](std::uint64_t begin, std::uint64_t size, const char* permissions, const char* path) {
    memory.map(begin, size);
    return Mapping{{{begin}, {begin + size}}, permissions, 0, "1", path};
  };
  const std::vector mappings = {mapping(0x1000, kPage, "r--p", "/bin/prog"),
                                mapping(0x10000, 0x20000, "r-xp", "/bin/prog"),
                                mapping(0x50000, kPage, "r-xp", "[vdso]")};
  CHECK_FALSE(find_system_call(mappings, memory));
  const std::array<unsigned char, 2> instruction = {0x0f, 0x05};
  memory.put_bytes(0x1100, instruction.data(), instruction.size());
  CHECK_FALSE(find_system_call(mappings, memory));  // no code
  // Across the end of a piece that is read at once.
  memory.put_bytes(0x1ffff, instruction.data(), instruction.size());
  CHECK(find_system_call(mappings, memory) == Address{0x1ffff});
  memory.put_bytes(0x50ffe, instruction.data(), instruction.size());
  CHECK(find_system_call(mappings, memory) == Address{0x50ffe});
}

TEST_CASE("this process has such an instruction, as every process does", "[unit]") {
  LocalMemory memory;
  memory.set_pid(getpid());
  const auto found = find_system_call(local_mappings(getpid()), memory);
  REQUIRE(found);
  std::array<unsigned char, 2> bytes{};
  REQUIRE(memory.read(*found, std::as_writable_bytes(std::span(bytes))) == bytes.size());
  CHECK(bytes == std::array<unsigned char, 2>{0x0f, 0x05});
}

}  // namespace
}  // namespace memsnap
