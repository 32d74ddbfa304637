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

std::vector<AddressRange> parse_core_sections(const std::string& shown) {
  // 0x00007f1c0e0a9000 - 0x00007f1c0e0cf000 is load12
  std::vector<AddressRange> ranges;
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    AddressRange range;
    char dash = 0;
    std::string is;
    std::string name;
    fields >> std::hex >> range.begin.value >> dash >> range.end.value >> is >> name;
    if (fields && name.starts_with("load")) {
      ranges.push_back(range);
    }
  }
  std::ranges::sort(ranges);
  return ranges;
}

}  // namespace memsnap
