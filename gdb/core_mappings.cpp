#include "gdb/core_mappings.h"

#include <algorithm>
#include <sstream>

namespace memsnap {

std::vector<FileMapping> parse_core_mappings(const std::string& shown) {
  std::vector<FileMapping> mappings;
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    FileMapping mapping;
    std::uint64_t size = 0;
    fields >> std::hex >> mapping.range.begin.value >> mapping.range.end.value >> size >> mapping.offset;
    // A newer GDB may put permissions in between. A path can hold blanks.
    const auto path = line.find('/');
    if (fields && path != std::string::npos) {
      mapping.path = line.substr(path);
      mappings.push_back(std::move(mapping));
    }
  }
  std::ranges::sort(mappings, {}, &FileMapping::range);
  return mappings;
}

std::vector<MemoryRegion> parse_core_sections(const std::string& shown) {
  //  [14]     0x7f1c0e0a9000->0x7f1c0e0cf000 at 0x00023008: load12a ALLOC LOAD READONLY CODE HAS_CONTENTS
  std::vector<MemoryRegion> regions;
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line.substr(std::min(line.size(), line.find(']') + 1)));
    MemoryRegion region;
    std::string arrow(2, '\0');
    std::string at;
    std::string offset;
    std::string name;
    fields >> std::hex >> region.range.begin.value;
    fields.read(arrow.data(), 2);
    fields >> region.range.end.value >> at >> offset >> name;
    if (!fields || arrow != "->" || !name.starts_with("load")) {
      continue;
    }
    region.is_readable = true;
    region.is_writable = true;
    for (std::string flag; fields >> flag;) {
      region.is_writable = region.is_writable && flag != "READONLY";
      region.is_executable = region.is_executable || flag == "CODE";
    }
    regions.push_back(std::move(region));
  }
  std::ranges::sort(regions, {}, &MemoryRegion::range);
  return regions;
}

}  // namespace memsnap
