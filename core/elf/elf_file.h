#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.h"
#include "core/result.h"

struct Elf;

namespace memsnap {

/// A function's or a variable's symbol of an ELF file. Addresses as the file counts (Pc::offset).
struct ElfSymbol {
  std::string name;  ///< as in the file: mangled, without a version suffix
  std::uint64_t value = 0;
  std::uint64_t size = 0;
  bool is_global = false;  ///< global or weak binding
};

/// A 64-bit little-endian x86-64 ELF file, opened to be read. Cheap to open: everything is read on demand.
///
/// Movable; closes the file at the end of its life. Not thread-safe.
class ElfFile {
 public:
  /// Errors: Code::io where it cannot be opened, Code::malformed where it is no x86-64 ELF file.
  static Result<ElfFile> open(const std::string& path);
  /// The same from bytes, which are copied. For tests and for modules that exist in memory only.
  static Result<ElfFile> from_bytes(std::string bytes);

  ElfFile(ElfFile&&) noexcept;
  ElfFile& operator=(ElfFile&&) noexcept;
  ~ElfFile();

  /// The build id in lower-case hex; empty where there is none.
  std::string build_id() const;
  /// Name in .gnu_debuglink; empty where there is none.
  std::string debug_link() const;
  /// DT_INIT_ARRAY: where the loaded file has the addresses of the functions that it starts with; 0 where there is
  /// none.
  std::uint64_t init_array() const;
  /// DT_SONAME; empty where there is none.
  std::string soname() const;
  /// Whether the file is position independent (its load bias is free).
  bool is_position_independent() const;
  /// Where a program without a dynamic loader begins; 0 for one with, and where the file says nothing.
  std::uint64_t static_entry() const;
  /// The lowest address of a PT_LOAD segment, rounded down to its page: what the first mapping's start corresponds to.
  std::uint64_t first_page() const;
  /// Whether there are DWARF line tables and DIEs in this file.
  bool has_debug_info() const;
  /// Ranges of executable PT_LOAD segments, ascending, as the file counts.
  std::vector<AddressRange> code() const;

  /// The bytes of the file that are loaded at `range`; fewer where the segment that it begins in ends before.
  std::vector<std::byte> loaded_bytes(AddressRange range) const;

  /// Calls `visit` for each defined function symbol (STT_FUNC, STT_GNU_IFUNC as is_ifunc is not told), .symtab first
  /// and then .dynsym. Malformed entries are skipped.
  void for_each_function(const std::function<void(const ElfSymbol&)>& visit) const;

  /// The same for each defined variable (STT_OBJECT): in memory from the start on, so none of a thread's own.
  void for_each_variable(const std::function<void(const ElfSymbol&)>& visit) const;

  /// The libelf handle, for libdw; lives as long as this object.
  Elf* handle() const;

 private:
  struct State;
  explicit ElfFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace memsnap
