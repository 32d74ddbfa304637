#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/address.h"
#include "core/symbols/interval_map.h"

namespace memsnap {

/// A place in source code. `file` is absolute where the debug information allows, `.` and `..` resolved by text only.
struct SourcePlace {
  std::string file;
  std::uint32_t line = 0;  ///< 1-based
};

/// One compilation unit, indexed once: which function, inlined or not, each address belongs to.
///
/// Why an index: libdw's own look-up walks the unit's whole tree for each address, which takes seconds for a few
/// thousand addresses in a unit as large as an amalgamated library.
///
/// Lifetime: the Dwarf that the DIE is from must outlive this.
class DwarfUnit {
 public:
  struct Scope {
    Dwarf_Die die{};
    const Scope* caller = nullptr;  ///< what an inlined call was inlined into; nullptr for a function of its own
    bool is_inlined = false;
  };

  /// `unit` is the unit's own DIE, or its skeleton's. Code outside `code` is what the linker dropped.
  DwarfUnit(Dwarf_Die unit, std::span<const AddressRange> code);
  DwarfUnit(const DwarfUnit&) = delete;
  DwarfUnit& operator=(const DwarfUnit&) = delete;

  /// The DIE that it was made of.
  const Dwarf_Die& die() const { return unit_; }
  /// The innermost scope at `address`, or nullptr.
  const Scope* find(std::uint64_t address) const;
  /// Where the range of this scope that holds `address` begins; `address` where none does.
  static std::uint64_t begin_of(const Scope& scope, std::uint64_t address);
  /// All of a scope's code.
  static std::vector<AddressRange> code_of(const Scope& scope);
  /// The line that the instruction at `address` was made from.
  std::optional<SourcePlace> line(std::uint64_t address);
  /// Where an inlined call stands.
  std::optional<SourcePlace> call_site(const Scope& scope);
  /// The namespaces, classes and functions around a subprogram DIE of this unit, each followed by `::`.
  std::string qualifier(const Dwarf_Die& subprogram) const;

 private:
  struct Level {
    Dwarf_Die die{};
    const Scope* scope = nullptr;
    std::uint32_t enclosing = 0;
  };
  struct Enclosing {
    Dwarf_Die die{};
    std::uint32_t parent = 0;
  };

  void index(Dwarf_Die top);
  /// What holds for the children of this DIE; nothing where they need no visit.
  std::optional<Level> enter(const Level& level);
  bool add_ranges(const Scope& scope);
  std::string path(const char* name);

  Dwarf_Die unit_;
  std::span<const AddressRange> code_;
  std::deque<Scope> scopes_;
  IntervalMap<const Scope*> ranges_;
  std::vector<Enclosing> enclosing_;                             // [0] is the unit itself
  std::unordered_map<const void*, std::uint32_t> enclosing_of_;  // subprogram DIEs that are not at the top
};

}  // namespace memsnap
