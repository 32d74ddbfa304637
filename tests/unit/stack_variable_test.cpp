#include "core/symbols/stack_variable.h"

#include <map>
#include <string>

#include "core/elf/elf_file.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

// How many bytes of main's frame belong to each variable of tests/targets/types.cpp, in the middle of its code.
std::map<std::string, std::uint64_t> bytes_by_variable(const ElfFile& file, DwarfScopes& dwarf) {
  std::uint64_t address = 0;
  file.for_each_function([&](const ElfSymbol& symbol) {
    if (symbol.name == "main") {
      address = symbol.value + symbol.size / 2;
    }
  });
  REQUIRE(address != 0);
  constexpr std::int64_t kLargestFrame = 4096;
  std::map<std::string, std::uint64_t> bytes;
  for (std::int64_t at = -kLargestFrame; at < kLargestFrame; ++at) {
    if (const auto found = stack_variable(dwarf, address, at)) {
      CHECK(found->offset == bytes[found->name]);
      ++bytes[found->name];
    }
  }
  CHECK_FALSE(stack_variable(dwarf, 1, -16));
  return bytes;
}

TEST_CASE("each byte of a variable in a frame is that variable's", "[unit]") {
  const auto file = ElfFile::open(std::string(MEMSNAP_TYPES_DIR) + "/types");
  REQUIRE(file);
  auto dwarf = DwarfScopes::open(*file);
  REQUIRE(dwarf);
  const auto bytes = bytes_by_variable(*file, *dwarf);
  for (const auto& [name, size] : std::map<std::string, std::uint64_t>{
           {"point", 8}, {"named", 8}, {"counted", 8}, {"text", 32}, {"list", 24}, {"places", 24}, {"shared", 16}}) {
    INFO(name);
    REQUIRE(bytes.contains(name));
    CHECK(bytes.at(name) == size);
  }
}

}  // namespace
}  // namespace memsnap
