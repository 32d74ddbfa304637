#include "core/elf/elf_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/unit/elf_builder.h"

namespace memsnap {
namespace {

using test::append;
using test::ElfBuilder;

ElfFile opened(ElfBuilder& builder) {
  auto file = ElfFile::from_bytes(builder.build());
  REQUIRE(file.has_value());
  return std::move(*file);
}

std::vector<std::string> names_in(const ElfFile& file) {
  std::vector<std::string> names;
  file.for_each_function([&](const ElfSymbol& symbol) { names.push_back(symbol.name); });
  return names;
}

TEST_CASE("a file that is not there is an io error that names it", "[unit]") {
  const auto file = ElfFile::open("/nonexistent/program");
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().code == Code::io);
  CHECK(file.error().message == "cannot open /nonexistent/program: No such file or directory");
}

TEST_CASE("a folder is not opened", "[unit]") {
  const auto file = ElfFile::open("/");
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().code == Code::io);
}

TEST_CASE("what is no ELF file is malformed", "[unit]") {
  for (const std::string bytes : {"", "\x7f", "#!/bin/sh\n",
                                  "\x7f"
                                  "ELF",
                                  "!<arch>\n"}) {
    const auto file = ElfFile::from_bytes(bytes);
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error().code == Code::malformed);
  }
  CHECK_FALSE(ElfFile::from_bytes("!<arch>\n" + std::string(200, ' ')).has_value());
}

TEST_CASE("an ELF file for another machine is malformed", "[unit]") {
  ElfBuilder builder;
  builder.header.e_machine = EM_AARCH64;
  const auto file = ElfFile::from_bytes(builder.build());
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().code == Code::malformed);
}

TEST_CASE("an ELF file without anything in it answers nothing", "[unit]") {
  ElfBuilder builder;
  builder.has_section_headers = false;
  const auto file = opened(builder);
  CHECK(file.build_id().empty());
  CHECK(file.debug_link().empty());
  CHECK(file.soname().empty());
  CHECK(file.first_page() == 0);
  CHECK(file.code().empty());
  CHECK_FALSE(file.has_debug_info());
  CHECK(names_in(file).empty());
}

TEST_CASE("a build id is told in lower-case hex", "[unit]") {
  ElfBuilder builder;
  builder.build_id(test::bytes_of({0x00, 0xab, 0xCD, 0x0f}));
  CHECK(opened(builder).build_id() == "00abcd0f");
  builder.has_section_headers = false;
  CHECK(opened(builder).build_id() == "00abcd0f");
}

TEST_CASE("the debug link is the name before the checksum", "[unit]") {
  ElfBuilder builder;
  builder.debug_link("program.debug", 0x12345678);
  CHECK(opened(builder).debug_link() == "program.debug");
}

TEST_CASE("the soname is found with and without section headers", "[unit]") {
  const bool with_headers = GENERATE(true, false);
  ElfBuilder builder;
  builder.has_section_headers = with_headers;
  builder.section(".dynstr", SHT_STRTAB, SHF_ALLOC, 0x500, std::string("\0libx.so.1\0", 11));
  std::string entries;
  for (const auto& [tag, value] : {std::pair{DT_SONAME, 1}, {DT_STRTAB, 0x500}, {DT_NULL, 0}}) {
    append(entries, std::int64_t{tag});
    append(entries, std::uint64_t(static_cast<unsigned>(value)));
  }
  builder.segment(PT_DYNAMIC, builder.section(".dynamic", SHT_DYNAMIC, SHF_ALLOC, 0x600, entries, 1, 16));
  CHECK(opened(builder).soname() == "libx.so.1");
}

TEST_CASE("position independence, first page and code are the segments'", "[unit]") {
  ElfBuilder builder;
  builder.section(".rodata", SHT_PROGBITS, SHF_ALLOC, 0x400123, "data");
  builder.text(0x20, 0x402000);
  builder.text(0x10, 0x401000);
  builder.header.e_type = ET_EXEC;
  const auto file = opened(builder);
  CHECK_FALSE(file.is_position_independent());
  CHECK(file.first_page() == 0x400000);
  CHECK(file.code() == std::vector<AddressRange>{{{0x401000}, {0x401010}}, {{0x402000}, {0x402020}}});
  builder.header.e_type = ET_DYN;
  CHECK(opened(builder).is_position_independent());
}

TEST_CASE("only defined functions are visited, without versions", "[unit]") {
  ElfBuilder builder;
  builder.text(0x100);
  builder.symbol("malloc@@GLIBC_2.2.5", 0x1000, 8);
  builder.symbol("old@GLIBC_2.0", 0x1008, 8, STB_WEAK);
  builder.symbol("local", 0x1010, 0, STB_LOCAL);
  builder.symbol("chosen_at_load", 0x1018, 8, STB_GLOBAL, STT_GNU_IFUNC);
  builder.symbol("data", 0x1020, 8, STB_GLOBAL, STT_OBJECT);
  builder.symbol("undefined", 0, 0, STB_GLOBAL, STT_FUNC, SHN_UNDEF);
  builder.symbol("", 0x1030, 8);
  std::vector<ElfSymbol> symbols;
  opened(builder).for_each_function([&](const ElfSymbol& symbol) { symbols.push_back(symbol); });
  REQUIRE(symbols.size() == 4);
  CHECK(symbols[0].name == "malloc");
  CHECK(symbols[0].value == 0x1000);
  CHECK(symbols[0].size == 8);
  CHECK(symbols[0].is_global);
  CHECK(symbols[1].name == "old");
  CHECK(symbols[1].is_global);
  CHECK(symbols[2].name == "local");
  CHECK_FALSE(symbols[2].is_global);
  CHECK(symbols[3].name == "chosen_at_load");
}

TEST_CASE("debug information is DIEs and lines, really there", "[unit]") {
  ElfBuilder builder;
  builder.section(".debug_info", SHT_PROGBITS, 0, 0, "x");
  CHECK_FALSE(opened(builder).has_debug_info());
  builder.section(".debug_line", SHT_PROGBITS, 0, 0, "x");
  CHECK(opened(builder).has_debug_info());
}

TEST_CASE("a moved file is the same file", "[unit]") {
  ElfBuilder builder;
  builder.build_id("id");
  auto first = opened(builder);
  auto second = std::move(first);
  CHECK(second.build_id() == "6964");
  first = std::move(second);
  CHECK(first.build_id() == "6964");
}

TEST_CASE("this program is an ELF file from disk as well", "[unit]") {
  const auto file = ElfFile::open("/proc/self/exe");
  REQUIRE(file.has_value());
  const auto names = names_in(*file);
  CHECK(std::ranges::find(names, "main") != names.end());
  CHECK_FALSE(file->code().empty());
}

void ask_everything(const std::string& bytes) {
  const auto file = ElfFile::from_bytes(bytes);
  if (file) {
    file->build_id();
    file->debug_link();
    file->soname();
    file->first_page();
    file->has_debug_info();
    file->code();
    names_in(*file);
  }
}

TEST_CASE("no truncated or damaged image is a crash", "[unit]") {
  ElfBuilder builder;
  builder.text(0x10);
  builder.symbol("f", 0x1000, 8);
  builder.build_id("0123");
  builder.debug_link("x.debug");
  builder.segment(PT_DYNAMIC, builder.section(".dynamic", SHT_DYNAMIC, SHF_ALLOC, 0x600, std::string(32, '\1')));
  const auto image = builder.build();
  for (std::size_t size = 0; size < image.size(); ++size) {
    ask_everything(image.substr(0, size));
  }
  for (std::size_t i = 0; i < image.size(); ++i) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      auto damaged = image;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      ask_everything(damaged);
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace memsnap
