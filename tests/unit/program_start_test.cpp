#include "plugin/program_start.h"

#include "tests/catch.h"
#include "tests/unit/fake_debugger.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

using test::bytes_of;
using test::CfiBuilder;
using test::ElfBuilder;
using test::FakeDebugger;
using test::FakeThread;

constexpr std::uint64_t kLoader = 0x50000000;
constexpr std::uint64_t kProgram = 0x60000000;
constexpr std::uint64_t kEntry = 0x1100;  // the first function of a module is before it
constexpr std::uint64_t kTextSize = 0x100;

// A process with a module that begins by itself, and one that it loads.
struct Process {
  Process() {
    load("loader", kLoader, false);
    load("program", kProgram, true);
  }

  void load(const std::string& name, std::uint64_t bias, bool has_loader) {
    constexpr std::uint64_t kCfi = 0x800;
    constexpr std::uint64_t kEnd = 0x2000;
    ElfBuilder builder;
    const auto text = builder.text(kEnd - ElfBuilder::kText);
    builder.header.e_entry = kEntry;
    if (has_loader) {
      builder.segment(PT_INTERP, text);
    }
    CfiBuilder cfi(kCfi);
    cfi.cie();
    cfi.fde(ElfBuilder::kText, kTextSize, {});
    cfi.terminate();
    builder.section(".eh_frame", SHT_PROGBITS, SHF_ALLOC, kCfi, cfi.bytes);
    const auto id = names.intern({folder.write(name, builder.build()), {}, {}});
    loaded.push_back({id, bias, {{{bias}, {bias + kEnd}}}});
  }

  bool is_at_start(std::uint64_t pc) {
    auto& registers = debugger.registers[thread.id()];
    registers.set(Register::rip, pc);
    registers.set(Register::rsp, thread.rsp);
    registers.set(Register::rbp, 0);
    return is_at_program_start(debugger, ModuleMap(loaded), names, tables);
  }

  test::TemporaryFolder folder;
  FakeDebugger debugger;
  FakeThread thread{debugger, 1, "one"};
  ModuleTable names;
  UnwindTables tables{names};
  std::vector<LoadedModule> loaded;
};

TEST_CASE("nothing has run at the first instruction, and while the loader has been called by none", "[unit]") {
  Process process;
  CHECK(process.is_at_start(kLoader + kEntry));
  process.thread.push(kLoader + kEntry + 8);
  CHECK(process.is_at_start(kLoader + ElfBuilder::kText + 0x20));
}

TEST_CASE("a program has begun where its code is on the stack or the loader went on", "[unit]") {
  Process process;
  SECTION("it called the loader") { process.thread.push(kProgram + kEntry + 8); }
  SECTION("the loader calls what it loaded") { process.thread.push(kLoader + kEntry + 0x40); }
  CHECK_FALSE(process.is_at_start(kLoader + ElfBuilder::kText + 0x20));
}

TEST_CASE("a program that needs a loader has been reached by that one", "[unit]") {
  Process process;
  CHECK_FALSE(process.is_at_start(kProgram + kEntry));
}

TEST_CASE("what cannot be told has begun", "[unit]") {
  Process process;
  SECTION("a second thread") { process.debugger.labels[OsThreadId{7}] = {2, "two"}; }
  SECTION("no thread") { process.debugger.labels.clear(); }
  SECTION("no module") { process.loaded.clear(); }
  CHECK_FALSE(process.is_at_start(kLoader + kEntry));
}

}  // namespace
}  // namespace memsnap
