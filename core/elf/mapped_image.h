#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/address.h"
#include "core/memory_reader.h"
#include "core/result.h"

namespace memsnap {

/// What the headers of an ELF file say where it is mapped, whatever has become of the file since.
struct MappedImage {
  std::uint64_t bias = 0;              ///< run-time address less the address in the file
  std::string build_id;                ///< lower-case hex; empty where there is none, or it is not mapped
  std::vector<AddressRange> segments;  ///< whole pages at run-time addresses, ascending
  std::vector<AddressRange> code;      ///< those of them that can be run, as far as the file has bytes for them

  bool operator==(const MappedImage&) const = default;
};

/// Reads the image whose first byte is mapped at `header`.
///
/// Errors: Code::unmapped where the headers cannot be read, Code::malformed where there is no x86-64 ELF file.
/// Source: elf(5); System V gABI, chapter 5.
Result<MappedImage> read_mapped_image(MemoryReader& memory, Address header);

}  // namespace memsnap
