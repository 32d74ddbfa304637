#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/elf/elf_file.h"
#include "core/result.h"

namespace memsnap {

/// How the CFA (the stack pointer of the caller after the call returned) is found in a stretch of code.
enum class CfaRule : std::uint8_t {
  rsp_offset,    ///< CFA = rsp + cfa_offset
  rbp_offset,    ///< CFA = rbp + cfa_offset
  plt,           ///< CFA = rsp + 8 + ((rip & 15) >= cfa_offset ? 8 : 0): the linker's expression for lazy PLT entries
  signal_frame,  ///< the kernel's rt_sigframe at rsp: the interrupted registers stand in its ucontext
  outermost,     ///< the return address is undefined: no caller
  uncovered,     ///< no FDE covers this code
  unsupported,   ///< anything else (other DWARF expressions, other base registers)
};

/// One line of a flat unwind table: what holds from `begin` on, up to the next row's begin. The return address is at
/// CFA - 8.
struct UnwindRow {
  static constexpr std::int32_t kRbpUnchanged = 0x7fffffff;

  std::uint64_t begin = 0;  ///< as the file counts
  CfaRule rule = CfaRule::unsupported;
  std::int32_t cfa_offset = 0;
  std::int32_t rbp_offset = kRbpUnchanged;  ///< the caller's rbp is at CFA + rbp_offset, or still in rbp
};

/// A module's CFI as rows.
class UnwindTable {
 public:
  UnwindTable() = default;
  /// `rows` ascending by begin, each in force up to the next one's begin, the last up to `end`. Stretches between FDEs
  /// are rows of their own, CfaRule::uncovered.
  UnwindTable(std::vector<UnwindRow> rows, std::uint64_t end);

  /// The row in force at `offset` (as the file counts), or nullptr where no FDE covers it.
  const UnwindRow* find(std::uint64_t offset) const;
  std::size_t size() const { return rows_.size(); }
  const std::vector<UnwindRow>& rows() const { return rows_; }
  /// Where the last row ends, exclusive; 0 for an empty table.
  std::uint64_t end() const { return end_; }
  std::size_t memory_bytes() const { return rows_.capacity() * sizeof(UnwindRow); }

 private:
  std::vector<UnwindRow> rows_;
  std::uint64_t end_ = 0;
};

/// Compiles a module's .eh_frame (else .debug_frame) into rows, through libdw where they are not plain.
///
/// Errors: Code::not_found where the file has neither. Malformed entries are left out, as if nothing covered their
/// code. Source: DWARF 5, 6.4; System V AMD64 psABI, DWARF register numbers.
Result<UnwindTable> compile_unwind_table(const ElfFile& file);

}  // namespace memsnap
