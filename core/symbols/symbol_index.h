#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/elf/elf_file.h"
#include "core/symbols/interval_map.h"

namespace memsnap {

/// Which symbols a SymbolIndex has.
enum class SymbolKind : std::uint8_t { functions, variables };

/// A module's symbols of one kind by address.
class SymbolIndex {
 public:
  struct Found {
    const std::string& name;  ///< as in the file; lives as long as the index
    std::uint64_t begin = 0;
    std::uint64_t size = 0;  ///< 0 where the file does not say
  };

  SymbolIndex() = default;
  /// Takes the symbols of all these files, which describe the same module. One without a size reaches up to the next
  /// symbol, at most to the end of its segment of code, as far as no other covers that.
  explicit SymbolIndex(std::span<const ElfFile* const> files, SymbolKind kind = SymbolKind::functions);

  /// The symbol that covers `address`: of several the one that begins last; of these a global one, then one without
  /// a leading underscore, then the shortest name, then the first by name.
  std::optional<Found> find(std::uint64_t address) const;

 private:
  std::vector<ElfSymbol> symbols_;
  IntervalMap<std::uint32_t> ranges_;
};

}  // namespace memsnap
