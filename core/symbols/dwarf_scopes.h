#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.h"
#include "core/elf/elf_file.h"
#include "core/result.h"

namespace memsnap {

class DwarfUnit;

/// A function at an address, inlined or not, as the debug information tells.
struct ScopeFrame {
  std::string function;  ///< demangled; empty where only the line is known
  std::string file;      ///< as in Frame
  std::uint32_t line = 0;
  bool inlined = false;
  std::uint64_t begin = 0;  ///< of the function's stretch of code that covers the address, for the outermost; else 0
};

/// The functions and lines in a file's DWARF.
class DwarfScopes {
 public:
  /// `file` must outlive the result. Errors: Code::not_found where the file has no DWARF that can be read.
  static Result<DwarfScopes> open(const ElfFile& file);

  DwarfScopes(DwarfScopes&&) noexcept;
  DwarfScopes& operator=(DwarfScopes&&) noexcept;
  ~DwarfScopes();

  /// The functions at the instruction at `address` (as the file counts), innermost first; none where no unit covers
  /// it. `symbol` is the name of the ELF symbol that covers the address, as in the file, or empty: it knows the
  /// parameters of a function that DWARF gives no linkage name for.
  std::vector<ScopeFrame> find(std::uint64_t address, std::string_view symbol);

  /// The code of the innermost inlined call at `address` that is of a function that `is_wanted`, by its name; empty
  /// where there is none.
  std::vector<AddressRange> inlined_code(std::uint64_t address,
                                         const std::function<bool(const std::string&)>& is_wanted);

  // For who reads more of the same DWARF. All of it is valid as long as this object.

  Dwarf* handle() const;
  /// The unit whose code is at `address`; nullptr where none is.
  DwarfUnit* unit_at(std::uint64_t address);
  /// A function's name, demangled, by its DIE: that of its code, or of an inlined call of it.
  std::string function_name(const Dwarf_Die& function);

 private:
  struct State;
  explicit DwarfScopes(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace memsnap
