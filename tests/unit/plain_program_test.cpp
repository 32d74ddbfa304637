// Against libdw, which runs the same programs: over whole libraries, at each row that is not one of its own.

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

#include "core/unwind/table.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

struct Free {
  void operator()(Dwarf_Frame* frame) const { std::free(frame); }
};

std::string path_of(const void* function) {
  Dl_info info;
  REQUIRE(dladdr(function, &info) != 0);
  return info.dli_fname;
}

// The row that libdw gives, as text; empty for one that has no plain rule.
std::string ask_libdw(Dwarf_CFI* cfi, std::uint64_t address) {
  constexpr int kRbp = 6;
  constexpr int kReturnAddress = 16;
  Dwarf_Frame* found = nullptr;
  if (dwarf_cfi_addrframe(cfi, address, &found) != 0) {
    return "none";
  }
  const std::unique_ptr<Dwarf_Frame, Free> frame(found);
  std::array<Dwarf_Op, 3> memory{};
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  REQUIRE(dwarf_frame_register(frame.get(), kReturnAddress, memory.data(), &ops, &count) == 0);
  if (count == 0 && ops != nullptr) {
    return "outermost";
  }
  if (dwarf_frame_cfa(frame.get(), &ops, &count) != 0 || count != 1) {
    return {};
  }
  const bool is_long = ops[0].atom == DW_OP_bregx;
  const auto base = is_long ? ops[0].number : ops[0].atom - DW_OP_breg0;
  const auto cfa = fmt::format("{}{:+}", base, static_cast<std::int64_t>(is_long ? ops[0].number2 : ops[0].number));
  REQUIRE(dwarf_frame_register(frame.get(), kRbp, memory.data(), &ops, &count) == 0);
  if (count == 0) {
    return cfa + " unchanged";
  }
  return count == 2 && ops[0].atom == DW_OP_call_frame_cfa && ops[1].atom == DW_OP_plus_uconst
             ? fmt::format("{} {}", cfa, static_cast<std::int64_t>(ops[1].number))
             : std::string();
}

std::string text_of(const UnwindRow& row) {
  if (row.rule == CfaRule::outermost) {
    return "outermost";
  }
  const auto cfa = fmt::format("{}{:+}", row.rule == CfaRule::rsp_offset ? 7 : 6, row.cfa_offset);
  return row.rbp_offset == UnwindRow::kRbpUnchanged ? cfa + " unchanged" : fmt::format("{} {}", cfa, row.rbp_offset);
}

TEST_CASE("programs as compilers write them give the rows that libdw gives", "[unit]") {
  const std::array paths = {path_of(reinterpret_cast<const void*>(&std::abort)),
                            path_of(reinterpret_cast<const void*>(&std::current_exception)),
                            path_of(reinterpret_cast<const void*>(&dwarf_begin)), std::string("/proc/self/exe")};
  for (const auto& path : paths) {
    INFO(path);
    const auto file = ElfFile::open(path);
    REQUIRE(file.has_value());
    const auto table = compile_unwind_table(*file);
    REQUIRE(table.has_value());
    auto* cfi = dwarf_getcfi_elf(file->handle());
    REQUIRE(cfi != nullptr);
    std::size_t same = 0;
    for (const auto& row : table->rows()) {
      const bool is_plain =
          row.rule == CfaRule::rsp_offset || row.rule == CfaRule::rbp_offset || row.rule == CfaRule::outermost;
      if (!is_plain) {
        continue;
      }
      const auto expected = ask_libdw(cfi, row.begin);
      if (expected.empty()) {
        continue;  // an expression that says the same as a plain rule
      }
      if (text_of(row) != expected) {
        FAIL(fmt::format("at {:#x}: {}, but libdw has {}", row.begin, text_of(row), expected));
      }
      ++same;
    }
    dwarf_cfi_end(cfi);
    CHECK(same * 100 > table->size() * 60);
  }
}

}  // namespace
}  // namespace memsnap
