#include "plugin/core_modules.h"

#include "gdb/core_mappings.h"
#include "tests/catch.h"
#include "tests/unit/elf_builder.h"
#include "tests/unit/fake_memory.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

using test::ElfBuilder;
using test::FakeMemory;
using test::TemporaryFolder;

constexpr std::uint64_t kBase = 0x7f0000000000;
constexpr std::uint64_t kEnd = kBase + 0x3000;

std::string library() {
  ElfBuilder builder;
  builder.text(0x100);
  builder.build_id("\x01\x02");
  return builder.build();
}

// As the dynamic loader maps it: headers, then code.
std::vector<FileMapping> loaded(const std::string& path, std::uint64_t base = kBase) {
  return {{{{base}, {base + 0x1000}}, 0, path}, {{{base + 0x1000}, {base + 0x2000}}, 0x1000, path}};
}

void map(FakeMemory& memory, const std::string& bytes, std::uint64_t base = kBase) {
  memory.map(base, 0x2000);
  memory.put_bytes(base, bytes.data(), std::min<std::size_t>(bytes.size(), 0x2000));
}

TEST_CASE("a core file's modules are those whose code was mapped by itself", "[unit]") {
  FakeMemory memory;
  map(memory, library());
  map(memory, library(), kEnd);
  auto mappings = loaded("/lib/libx.so");
  mappings.push_back({{{kEnd}, {kEnd + 0x2000}}, 0, "/lib/liby.so"});             // to be read
  mappings.push_back({{{kEnd + 0x8000}, {kEnd + 0x9000}}, 0, "/tmp/data"});       // not in the core file
  mappings.push_back({{{kEnd + 0xa000}, {kEnd + 0xb000}}, 0x3000, "/tmp/data"});  // without its beginning
  const auto modules = core_modules(memory, mappings);
  REQUIRE(modules.size() == 1);
  CHECK(modules[0].module.path == "/lib/libx.so");
  CHECK(modules[0].bias == kBase);
  CHECK(modules[0].segments.size() == 2);
}

TEST_CASE("a library that was loaded twice is two modules, and one that was deleted keeps its name", "[unit]") {
  FakeMemory memory;
  map(memory, library());
  map(memory, library(), kEnd);
  auto mappings = loaded("/lib/libx.so (deleted)");
  for (const auto& each : loaded("/lib/libx.so (deleted)", kEnd)) {
    mappings.push_back(each);
  }
  const auto modules = core_modules(memory, mappings);
  REQUIRE(modules.size() == 2);
  CHECK(modules[0].module.path == "/lib/libx.so");
  CHECK(modules[1].module.path == "/lib/libx.so");
  CHECK(modules[1].bias == kEnd);
}

TEST_CASE("the page of the headers that is mapped once more is no second module", "[unit]") {
  FakeMemory memory;
  map(memory, library());
  auto mappings = loaded("/lib/libx.so");
  mappings.push_back({{{kBase + 0x1000}, {kBase + 0x2000}}, 0, "/lib/libx.so"});
  CHECK(core_modules(memory, mappings).size() == 1);
}

TEST_CASE("headers that are not in the core file are read from the file", "[unit]") {
  const TemporaryFolder folder;
  const auto path = folder.write("libx.so", library());
  FakeMemory nothing;
  const auto module = core_module(nothing, path, {kBase});
  REQUIRE(module.has_value());
  CHECK(module->module.path == path);
  CHECK(module->bias == kBase);
  CHECK_FALSE(core_module(nothing, "/no/such/file", {kBase}).has_value());
  CHECK_FALSE(core_module(nothing, folder.write("text", std::string(500, 'x')), {kBase}).has_value());
}

TEST_CASE("GDB's mappings of a core file are read, whatever stands around them", "[unit]") {
  const auto mappings = parse_core_mappings(
      "Mapped address spaces:\n\n"
      "          Start Addr           End Addr       Size     Offset objfile\n"
      "      0x7fcb46b0b000     0x7fcb46b31000    0x26000        0x0 /usr/lib/libc.so.6\n"
      "      0x563b134bf000     0x563b134c0000     0x1000     0x2000 /tmp/with a blank (deleted)\n"
      "      0x7fcb46c00000     0x7fcb46c31000    0x31000     0x1000 r-xp  /lib/libx.so\n"
      "      0x7fcb46d00000     0x7fcb46d31000    0x31000        0x0 [vdso]\n");
  CHECK(mappings == std::vector<FileMapping>{
                        {{{0x563b134bf000}, {0x563b134c0000}}, 0x2000, "/tmp/with a blank (deleted)"},
                        {{{0x7fcb46b0b000}, {0x7fcb46b31000}}, 0, "/usr/lib/libc.so.6"},
                        {{{0x7fcb46c00000}, {0x7fcb46c31000}}, 0x1000, "/lib/libx.so"},
                    });
  CHECK(parse_core_mappings("").empty());
  CHECK(parse_core_mappings("warning: unable to find mappings in core file\n").empty());
}

TEST_CASE("GDB's list of a core file's memory is read, without what it shows of the files", "[unit]") {
  const std::vector<MemoryRegion> wanted = {
      {{{0x563b134bf000}, {0x563b134c0000}}, true, false, true, ""},
      {{{0x563b134c0000}, {0x563b134c2000}}, true, false, false, ""},
      {{{0x7fcb46cda000}, {0x7fcb46cde000}}, true, true, false, ""},
  };
  CHECK(parse_core_sections(
            "Exec file: `/tmp/crash', file type elf64-x86-64.\n"
            " [0]      0x563b134bf318->0x563b134bf334 at 0x00000318: .interp ALLOC LOAD READONLY DATA HAS_CONTENTS\n"
            "Core file: `/tmp/core', file type elf64-x86-64.\n"
            " [0]      0x00000000->0x000025b8 at 0x00000388: note0 READONLY HAS_CONTENTS\n"
            " [15]     0x7fcb46cda000->0x7fcb46cde000 at 0x000023f8: load16 ALLOC LOAD HAS_CONTENTS\n"
            " [16]     0x563b134bf000->0x563b134c0000 at 0x000243f8: load1a ALLOC LOAD READONLY CODE HAS_CONTENTS\n"
            " [17]     0x563b134c0000->0x563b134c2000 at 0x000253f8: load1b ALLOC READONLY\n") == wanted);
}

}  // namespace
}  // namespace memsnap
