#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugin/debugger.h"

namespace memsnap {

/// A stretch of a file that was mapped in the process that a core file is of. Source: core(5), NT_FILE.
struct FileMapping {
  AddressRange range;
  std::uint64_t offset = 0;  ///< in the file, in bytes
  std::string path;          ///< as the kernel named it, with ` (deleted)` behind it for a file that was

  bool operator==(const FileMapping&) const = default;
};

/// The module of a core file whose ELF header was mapped at `header`.
///
/// From the memory in the core file: the file may be another one by now, and is then known by its build id. Where a
/// core file was written without that memory, from the file. nullopt where neither can be read, or is for x86-64.
std::optional<MappedModule> core_module(MemoryReader& memory, const std::string& path, Address header);

/// The modules among the files that were mapped, by address. What was mapped to be read only is none.
std::vector<MappedModule> core_modules(MemoryReader& memory, std::span<const FileMapping> mappings);

}  // namespace memsnap
