#include "core/unwind/table.h"

#include <ostream>

#include "tests/catch.h"
#include "tests/unit/cfi_builder.h"
#include "tests/unit/elf_builder.h"

namespace memsnap {

static bool operator==(const UnwindRow& left, const UnwindRow& right) {
  return left.begin == right.begin && left.rule == right.rule && left.cfa_offset == right.cfa_offset &&
         left.rbp_offset == right.rbp_offset;
}

static std::ostream& operator<<(std::ostream& out, const UnwindRow& row) {
  return out << std::hex << row.begin << std::dec << ":rule " << int{static_cast<std::uint8_t>(row.rule)} << " cfa "
             << row.cfa_offset << " rbp " << row.rbp_offset;
}

namespace {

using test::bytes_of;
using test::CfiBuilder;
using test::ElfBuilder;

constexpr std::uint64_t kSection = 0x8000;
constexpr auto kSame = UnwindRow::kRbpUnchanged;
constexpr auto kAlloc = SHF_ALLOC;

std::string image_of(const CfiBuilder& cfi) {
  ElfBuilder builder;
  builder.text(0x1000);
  builder.section(".eh_frame", SHT_PROGBITS, kAlloc, kSection, cfi.bytes);
  return builder.build();
}

UnwindTable compiled(const std::string& image) {
  const auto file = ElfFile::from_bytes(image);
  REQUIRE(file.has_value());
  auto table = compile_unwind_table(*file);
  REQUIRE(table.has_value());
  return std::move(*table);
}

// The rows of one function of 0x40 bytes at 0x1000 with this program.
std::vector<UnwindRow> rows_of(const std::string& program, const std::string& augmentation = "zR") {
  CfiBuilder cfi(kSection);
  cfi.cie(CfiBuilder::usual(), augmentation);
  cfi.fde(0x1000, 0x40, program);
  cfi.terminate();
  return compiled(image_of(cfi)).rows();
}

std::string expression(const std::string& bytes) { return bytes_of({0x0f, static_cast<int>(bytes.size())}) + bytes; }

// rsp + 8 + ((rip & 15) >= n) * 8
std::string plt_expression(int threshold) {
  return bytes_of({0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x30 + threshold, 0x2a, 0x33, 0x24, 0x22});
}

const UnwindRow kUnsupported{0x1000, CfaRule::unsupported, 0, kSame};

TEST_CASE("a file without call frame information is not found", "[unit]") {
  ElfBuilder builder;
  builder.text(0x10);
  const auto file = ElfFile::from_bytes(builder.build());
  REQUIRE(file.has_value());
  const auto table = compile_unwind_table(*file);
  REQUIRE_FALSE(table.has_value());
  CHECK(table.error().code == Code::not_found);
}

TEST_CASE("a function with a frame pointer has a row for each step of it", "[unit]") {
  const auto rows = rows_of(bytes_of({0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x4a, 0x0c, 7, 8}));
  CHECK(rows == std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 8, kSame},
                                       {0x1001, CfaRule::rsp_offset, 16, -16},
                                       {0x1004, CfaRule::rbp_offset, 16, -16},
                                       {0x100e, CfaRule::rsp_offset, 8, -16}});
}

TEST_CASE("remembered states, restored registers and argument sizes are followed", "[unit]") {
  const auto rows =
      rows_of(bytes_of({0x41, 0x0e, 16, 0x86, 2, 0x0a, 0x41, 0x0e, 8, 0xc6, 0x2e, 16, 0x41, 0x0b, 0x41, 0x08, 6}));
  CHECK(rows == std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 8, kSame},
                                       {0x1001, CfaRule::rsp_offset, 16, -16},
                                       {0x1002, CfaRule::rsp_offset, 8, kSame},
                                       {0x1003, CfaRule::rsp_offset, 16, -16},
                                       {0x1004, CfaRule::rsp_offset, 16, kSame}});
}

TEST_CASE("steps that change nothing we keep give no row of their own", "[unit]") {
  // Where rbx and r12 are saved does not matter for finding callers.
  CHECK(rows_of(bytes_of({0x41, 0x83, 3, 0x41, 0x8c, 4})) ==
        std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 8, kSame}});
}

TEST_CASE("the linkers' expression for lazy PLT entries is a rule of its own", "[unit]") {
  const int threshold = GENERATE(11, 10, 9);
  CHECK(rows_of(expression(plt_expression(threshold))) ==
        std::vector<UnwindRow>{{0x1000, CfaRule::plt, threshold, kSame}});
}

TEST_CASE("an expression that only looks like the PLT's is unsupported", "[unit]") {
  auto shifted = plt_expression(11);
  shifted[8] = 0x34;
  CHECK(rows_of(expression(shifted)) == std::vector{kUnsupported});
  auto from_rbp = plt_expression(11);
  from_rbp[0] = 0x76;
  CHECK(rows_of(expression(from_rbp)) == std::vector{kUnsupported});
}

TEST_CASE("the trampoline behind a signal handler is a signal frame", "[unit]") {
  CHECK(rows_of(expression(bytes_of({0x77, 0xa0, 1, 6})), "zRS") ==
        std::vector<UnwindRow>{{0x1000, CfaRule::signal_frame, 0, kSame}});
}

TEST_CASE("a signal frame that is not the kernel's is unsupported", "[unit]") {
  CHECK(rows_of({}, "zRS") == std::vector{kUnsupported});
  CHECK(rows_of(expression(bytes_of({0x77, 0xa0, 1, 6}))) == std::vector{kUnsupported});
}

TEST_CASE("an undefined return address marks the outermost function", "[unit]") {
  CHECK(rows_of(bytes_of({0x07, 16})) == std::vector<UnwindRow>{{0x1000, CfaRule::outermost, 0, kSame}});
}

TEST_CASE("an expression for the CFA is unsupported", "[unit]") {
  CHECK(rows_of(expression(bytes_of({0x76, 0x78, 6}))) == std::vector{kUnsupported});
}

TEST_CASE("an expression that is only a register and an offset is as good as the plain rule", "[unit]") {
  CHECK(rows_of(expression(bytes_of({0x77, 24}))) == std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 24, kSame}});
  // rbp's slot, by way of rbp: DW_CFA_expression r6 {breg6 0} with CFA = rbp + 16.
  CHECK(rows_of(bytes_of({0x0c, 6, 16, 0x10, 6, 2, 0x76, 0})) ==
        std::vector<UnwindRow>{{0x1000, CfaRule::rbp_offset, 16, -16}});
}

TEST_CASE("a CFA based on another register is unsupported", "[unit]") {
  CHECK(rows_of(bytes_of({0x0c, 3, 16})) == std::vector{kUnsupported});
}

TEST_CASE("a return address or rbp kept in a register is unsupported", "[unit]") {
  CHECK(rows_of(bytes_of({0x09, 16, 0})) == std::vector{kUnsupported});
  CHECK(rows_of(bytes_of({0x09, 6, 0})) == std::vector{kUnsupported});
  CHECK(rows_of(bytes_of({0x90, 2})) == std::vector{kUnsupported});
}

TEST_CASE("a CFA further away than a row can say is unsupported", "[unit]") {
  CHECK(rows_of(bytes_of({0x0e, 0x80, 0x80, 0x80, 0x80, 0x10})) == std::vector{kUnsupported});
}

TEST_CASE("code between functions is uncovered, and neighbours alike are one row", "[unit]") {
  CfiBuilder cfi(kSection);
  cfi.cie();
  cfi.fde(0x1100, 0x10);
  cfi.fde(0x1000, 0x10);
  cfi.fde(0x1010, 0x10);
  cfi.terminate();
  const auto table = compiled(image_of(cfi));
  CHECK(table.rows() == std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 8, kSame},
                                               {0x1020, CfaRule::uncovered, 0, kSame},
                                               {0x1100, CfaRule::rsp_offset, 8, kSame}});
  CHECK(table.find(0xfff) == nullptr);
  CHECK(table.find(0x1000) == &table.rows()[0]);
  CHECK(table.find(0x101f) == &table.rows()[0]);
  CHECK(table.find(0x1020) == nullptr);
  CHECK(table.find(0x10ff) == nullptr);
  CHECK(table.find(0x110f) == &table.rows()[2]);
  CHECK(table.find(0x1110) == nullptr);
}

TEST_CASE("a table without rows covers nothing", "[unit]") {
  const UnwindTable table;
  CHECK(table.find(0) == nullptr);
  CHECK(table.size() == 0);
}

TEST_CASE("entries for functions that the linker dropped are left out", "[unit]") {
  CfiBuilder cfi(kSection);
  cfi.cie();
  cfi.fde(0, 0x4000);
  cfi.fde(0x1000, 0x10);
  cfi.fde(0x1800, 0x10000);
  cfi.terminate();
  const auto table = compiled(image_of(cfi));
  REQUIRE(table.rows().front().begin == 0x1000);
  CHECK(table.find(0x1fff) != nullptr);
  CHECK(table.find(0x2000) == nullptr);
}

TEST_CASE("an entry for no code does not hide the one behind it", "[unit]") {
  CfiBuilder cfi(kSection);
  cfi.cie();
  cfi.fde(0x1000, 0);
  cfi.fde(0x1000, 0x40, bytes_of({0x41, 0x0e, 16}));
  cfi.terminate();
  CHECK(compiled(image_of(cfi)).rows() ==
        std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 8, kSame}, {0x1001, CfaRule::rsp_offset, 16, kSame}});
}

TEST_CASE("a bad entry costs only its own function", "[unit]") {
  CfiBuilder cfi(kSection);
  cfi.cie();
  cfi.fde(0x1000, 0x10, bytes_of({0x3f}));
  cfi.fde(0x1010, 0x10);
  cfi.cie(bytes_of({0x1d}));
  cfi.fde(0x1020, 0x10);
  cfi.cie(CfiBuilder::usual(), "zR", 0x9b);
  cfi.fde(0x1030, 0x10);
  cfi.cie();
  cfi.fde(0x1040, 0x10);
  cfi.terminate();
  CHECK(compiled(image_of(cfi)).rows() == std::vector<UnwindRow>{{0x1010, CfaRule::rsp_offset, 8, kSame},
                                                                 {0x1020, CfaRule::uncovered, 0, kSame},
                                                                 {0x1040, CfaRule::rsp_offset, 8, kSame}});
}

TEST_CASE("code with debuggers' frame information only is covered by that", "[unit]") {
  CfiBuilder loaded(kSection);
  loaded.cie();
  loaded.fde(0x1000, 0x10);
  loaded.terminate();
  CfiBuilder debug(0, CfiBuilder::Kind::debug_frame);
  debug.cie();
  debug.fde(0x1000, 0x10, bytes_of({0x0e, 64}));
  debug.fde(0x1010, 0x10, bytes_of({0x0e, 32}));
  ElfBuilder builder;
  builder.text(0x1000);
  builder.section(".debug_frame", SHT_PROGBITS, 0, 0, debug.bytes);
  const UnwindRow alone{0x1010, CfaRule::rsp_offset, 32, kSame};
  CHECK(compiled(builder.build()).rows() == std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 64, kSame}, alone});
  builder.section(".eh_frame", SHT_PROGBITS, kAlloc, kSection, loaded.bytes);
  CHECK(compiled(builder.build()).rows() == std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 8, kSame}, alone});
}

TEST_CASE("a file without section headers is read by its segments", "[unit]") {
  CfiBuilder cfi(kSection);
  cfi.cie();
  cfi.fde(0x1000, 0x10);
  cfi.terminate();
  ElfBuilder builder;
  builder.has_section_headers = false;
  builder.text(0x1000);
  builder.section(".eh_frame", SHT_PROGBITS, kAlloc, kSection, cfi.bytes);
  // Version 1, pc-relative pointer to .eh_frame, no search table. As linkers do, it is mapped together with .eh_frame.
  const auto address = (kSection + cfi.bytes.size() + 7) / 8 * 8;
  auto header = bytes_of({1, 0x1b, 0xff, 0xff});
  test::append(header, static_cast<std::int32_t>(kSection - (address + 4)));
  builder.segment(PT_GNU_EH_FRAME, builder.section(".eh_frame_hdr", SHT_PROGBITS, kAlloc, address, header));
  CHECK(compiled(builder.build()).rows() == std::vector<UnwindRow>{{0x1000, CfaRule::rsp_offset, 8, kSame}});
}

void compile_quietly(const std::string& image) {
  const auto file = ElfFile::from_bytes(image);
  if (file) {
    static_cast<void>(compile_unwind_table(*file));
  }
}

TEST_CASE("no truncated or damaged frame information is a crash", "[unit]") {
  CfiBuilder cfi(kSection);
  cfi.cie();
  cfi.fde(0x1000, 0x40, bytes_of({0x41, 0x0e, 16, 0x86, 2, 0x0a, 0x43, 0x0d, 6, 0x0b, 0x02, 9, 0x08, 6}));
  cfi.cie(CfiBuilder::usual(), "zRS");
  cfi.fde(0x1040, 0x10, expression(plt_expression(11)) + bytes_of({0x10, 6, 2, 0x76, 0}));
  cfi.terminate();

  for (std::size_t size = 0; size < cfi.bytes.size(); ++size) {
    auto truncated = cfi;
    truncated.bytes.resize(size);
    compile_quietly(image_of(truncated));
  }
  for (std::size_t i = 0; i < cfi.bytes.size(); ++i) {
    for (int mask = 1; mask < 0x100; ++mask) {
      auto damaged = cfi;
      damaged.bytes[i] = static_cast<char>(damaged.bytes[i] ^ mask);
      compile_quietly(image_of(damaged));
    }
  }

  CfiBuilder debug(0, CfiBuilder::Kind::debug_frame);
  debug.cie();
  debug.fde(0x1000, 0x40, bytes_of({0x41, 0x0e, 16, 0x86, 2}));
  ElfBuilder builder;
  builder.text(0x100);
  builder.section(".eh_frame", SHT_PROGBITS, kAlloc, kSection, cfi.bytes);
  builder.section(".debug_frame", SHT_PROGBITS, 0, 0, debug.bytes);
  builder.segment(PT_GNU_EH_FRAME, 2);
  const auto image = builder.build();
  for (std::size_t size = 0; size < image.size(); ++size) {
    compile_quietly(image.substr(0, size));
  }
  for (std::size_t i = 0; i < image.size(); ++i) {
    for (const int mask : {0x01, 0x40, 0xff}) {
      auto damaged = image;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      compile_quietly(damaged);
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace memsnap
