// Walks the stack of this very process, and compares with what the C library's own unwinder makes of it.

#include <execinfo.h>
#include <link.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "core/unwind/walk.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

class OwnMemory final : public MemoryReader {
 public:
  std::size_t read(Address address, std::span<std::byte> into) override {
    // Through the kernel: an address that is not mapped is a short read and no fault.
    const iovec to{into.data(), into.size()};
    const iovec from{reinterpret_cast<void*>(address.value), into.size()};
    const auto count = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
};

class OwnTables final : public UnwindTableSource {
 public:
  OwnTables() {
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* self) {
          static_cast<OwnTables*>(self)->add(*info);
          return 0;
        },
        this);
    modules = ModuleMap(loaded_);
  }

  const UnwindTable* table(ModuleId id) override {
    const auto found = tables_.find(id);
    return found == tables_.end() ? nullptr : &found->second;
  }

  ModuleMap modules;

 private:
  void add(const dl_phdr_info& info) {
    LoadedModule module;
    module.id = ModuleId{static_cast<std::uint32_t>(loaded_.size())};
    module.bias = info.dlpi_addr;
    for (const auto& segment : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
      if (segment.p_type == PT_LOAD) {
        const auto begin = info.dlpi_addr + segment.p_vaddr;
        module.segments.push_back({{begin}, {begin + segment.p_memsz}});
      }
    }
    const std::string name = info.dlpi_name;
    if (const auto file = ElfFile::open(name.empty() ? "/proc/self/exe" : name)) {
      if (auto table = compile_unwind_table(*file)) {
        tables_.emplace(module.id, std::move(*table));
      }
    }
    loaded_.push_back(module);
  }

  std::vector<LoadedModule> loaded_;
  std::unordered_map<ModuleId, UnwindTable> tables_;
};

OwnTables* tables = nullptr;

// What both unwinders found. Checked only afterwards: a failing check must not throw through a signal handler.
struct Walks {
  Traceback ours;
  std::vector<std::uint64_t> theirs;
};
std::optional<Walks> walks;

// Both walks from here, from this function's caller on: in here the two calls return to different places.
[[gnu::noinline]] void compare() {
  std::array<void*, 200> found{};
  const auto count = backtrace(found.data(), static_cast<int>(found.size()));
  ucontext_t context;
  getcontext(&context);
  Registers registers;
  registers.set(Register::rip, static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]));
  registers.set(Register::rsp, static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RSP]));
  registers.set(Register::rbp, static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RBP]));
  OwnMemory memory;
  StackReader stack(memory);
  walks.emplace();
  walks->ours = walk(registers, stack, tables->modules, *tables, found.size());
  walks->ours.frames.erase(walks->ours.frames.begin());
  // A sanitizer's backtrace() is one more frame in front.
  const auto* caller = std::find(found.begin(), found.begin() + count, __builtin_return_address(0));
  for (; caller != found.begin() + count; ++caller) {
    walks->theirs.push_back(reinterpret_cast<std::uint64_t>(*caller));
  }
}

void check_walks() {
  REQUIRE(walks.has_value());
  REQUIRE_FALSE(walks->theirs.empty());
  REQUIRE(walks->ours.frames.size() == walks->theirs.size());
  CHECK(walks->ours.end == TracebackEnd::complete);
  bool is_interrupted = false;
  for (std::size_t i = 0; i < walks->theirs.size(); ++i) {
    INFO("frame " << i);
    auto pc = tables->modules.to_pc({walks->theirs[i]});
    pc.offset += is_interrupted ? 1 : 0;
    CHECK(walks->ours.frames[i].pc == pc);
    const auto* row = tables->table(pc.module)->find(pc.offset - 1);
    REQUIRE(row != nullptr);
    is_interrupted = row->rule == CfaRule::signal_frame;
  }
}

[[gnu::noinline]] void deeper(int depth) {
  if (depth == 0) {
    compare();
  } else {
    deeper(depth - 1);
  }
  asm volatile("");  // no tail call
}

TEST_CASE("a walk of this process finds the frames that the C library's unwinder finds", "[unit]") {
  OwnTables own;
  tables = &own;
  walks.reset();

  SECTION("in plain calls") { deeper(30); }

  SECTION("in a callback of qsort") {
    std::array<int, 2> numbers = {2, 1};
    std::qsort(numbers.data(), numbers.size(), sizeof(int), [](const void* left, const void* right) {
      if (!walks) {
        deeper(2);
      }
      return *static_cast<const int*>(left) - *static_cast<const int*>(right);
    });
  }

  SECTION("in a signal handler") {
    struct sigaction action = {};
    struct sigaction before = {};
    action.sa_sigaction = [](int, siginfo_t*, void*) { deeper(2); };
    action.sa_flags = SA_SIGINFO;
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    std::raise(SIGUSR1);
    sigaction(SIGUSR1, &before, nullptr);
  }

  check_walks();
}

}  // namespace
}  // namespace memsnap
