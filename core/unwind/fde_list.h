#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/elf/elf_file.h"

namespace memsnap {

/// Where call frame information was found.
enum class CfiSection : std::uint8_t { eh_frame, debug_frame };

/// What entries have in common.
struct Cie {
  std::uint64_t code_alignment = 1;
  std::int64_t data_alignment = 1;
  std::uint64_t return_address_register = 0;
  bool is_signal = false;
  std::span<const std::uint8_t> program;  ///< that each entry's begins with
};

/// One frame description entry: whose code from `begin` inclusive to `end` exclusive (as the file counts) it describes.
struct Fde {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  CfiSection section = CfiSection::eh_frame;
  Cie cie;
  std::span<const std::uint8_t> program;
};

/// Every usable FDE of a section, in file order. Left out: what cannot be decoded, what describes no executable code
/// (the linker's leftovers for dropped functions), and programs that would make an interpreter run wild.
///
/// Lifetime: the programs lie in `file`.
std::vector<Fde> list_fdes(const ElfFile& file, CfiSection section);

/// Whether a CFI program holds known instructions only, whole, on registers that could exist.
bool is_sane_cfi_program(std::span<const std::uint8_t> program);

}  // namespace memsnap
