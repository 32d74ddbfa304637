#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/elf/elf_file.h"

namespace memsnap {

/// Where call frame information was found.
enum class CfiSection : std::uint8_t { eh_frame, debug_frame };

/// One frame description entry: whose code from `begin` inclusive to `end` exclusive (as the file counts) it describes.
struct Fde {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  CfiSection section = CfiSection::eh_frame;
  std::size_t program_size = 0;  ///< bytes of its instructions and its CIE's
};

/// Every usable FDE of a section, in file order. Left out: what cannot be decoded, what describes no executable code
/// (the linker's leftovers for dropped functions), and programs that would make an interpreter run wild.
///
/// Lifetime: nothing in the result points into `file`.
std::vector<Fde> list_fdes(const ElfFile& file, CfiSection section);

/// Whether a CFI program holds known instructions only, whole, on registers that could exist.
bool is_sane_cfi_program(std::span<const std::uint8_t> program);

}  // namespace memsnap
