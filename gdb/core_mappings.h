#pragma once

#include <string>
#include <vector>

#include "plugin/core_modules.h"
#include "plugin/debugger.h"

namespace memsnap {

/// The files in what `info proc mappings` prints of a core file: begin, end, size, offset and path in each line. Other
/// lines, and memory that is no file's, are left out.
std::vector<FileMapping> parse_core_mappings(const std::string& shown);

/// The memory that a core file has, from what `maintenance info sections` prints of it, ascending; without names.
std::vector<MemoryRegion> parse_core_sections(const std::string& shown);

}  // namespace memsnap
