#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/elf/elf_file.h"

namespace memsnap {

/// The virtual tables of a module, by address, as its symbols tell (Itanium C++ ABI, 2.5.2: `_ZTV` and the class).
/// Those that an object has only while it is being constructed (`_ZTC`) are not among them.
class Vtables {
 public:
  Vtables() = default;
  /// From the symbols of all these files, which describe the same module. `own` holds what is loaded, and must outlive
  /// this; it may be nullptr.
  Vtables(std::span<const ElfFile* const> files, const ElfFile* own);

  /// The canonical name of the class whose virtual table `address` (as the file counts) points into as an object's
  /// first word does: behind the offset to top, which is 0, and the type information. nullopt elsewhere, as in the
  /// tables for its other bases, which lie further in an object.
  std::optional<std::string> class_at(std::uint64_t address) const;

 private:
  bool is_at_top(std::uint64_t address, std::uint64_t table) const;

  std::vector<ElfSymbol> tables_;  // ascending
  const ElfFile* own_ = nullptr;
};

}  // namespace memsnap
