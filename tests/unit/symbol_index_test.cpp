#include "core/symbols/symbol_index.h"

#include <array>

#include "tests/catch.h"
#include "tests/unit/elf_builder.h"

namespace memsnap {
namespace {

using test::ElfBuilder;

class Symbols {
 public:
  Symbols() { builder.text(0x100); }
  // "name+offset", or "" where nothing covers it.
  std::string at(std::uint64_t address) {
    const auto file = ElfFile::from_bytes(builder.build());
    REQUIRE(file.has_value());
    const std::array<const ElfFile*, 1> files = {&*file};
    const SymbolIndex index(files);
    const auto found = index.find(address);
    return found ? found->name + "+" + std::to_string(address - found->begin) : "";
  }
  ElfBuilder builder;
};

TEST_CASE("no symbols cover nothing", "[unit]") {
  CHECK_FALSE(SymbolIndex().find(0x1000).has_value());
  CHECK(Symbols().at(0x1000).empty());
}

TEST_CASE("a symbol covers its size and no more", "[unit]") {
  Symbols symbols;
  symbols.builder.symbol("f", 0x1010, 0x10);
  CHECK(symbols.at(0x100f).empty());
  CHECK(symbols.at(0x1010) == "f+0");
  CHECK(symbols.at(0x101f) == "f+15");
  CHECK(symbols.at(0x1020).empty());
}

TEST_CASE("a symbol without size reaches to the next one, the last to the end of the code", "[unit]") {
  Symbols symbols;
  symbols.builder.symbol("first", 0x1010, 0);
  symbols.builder.symbol("second", 0x1020, 0);
  CHECK(symbols.at(0x101f) == "first+15");
  CHECK(symbols.at(0x1020) == "second+0");
  CHECK(symbols.at(0x10ff) == "second+223");
  CHECK(symbols.at(0x1100).empty());
}

TEST_CASE("a label inside a function with a size does not hide it", "[unit]") {
  Symbols symbols;
  symbols.builder.symbol("function", 0x1010, 0x20);
  symbols.builder.symbol("label", 0x1018, 0);
  CHECK(symbols.at(0x101a) == "function+10");
  CHECK(symbols.at(0x1030) == "label+24");
}

TEST_CASE("of nested symbols the one that begins last counts, and behind it the outer one again", "[unit]") {
  Symbols symbols;
  symbols.builder.symbol("outer", 0x1000, 0x40);
  symbols.builder.symbol("inner", 0x1010, 0x10);
  CHECK(symbols.at(0x1008) == "outer+8");
  CHECK(symbols.at(0x1018) == "inner+8");
  CHECK(symbols.at(0x1028) == "outer+40");
}

TEST_CASE("of several names for one place the public one counts", "[unit]") {
  Symbols symbols;
  symbols.builder.symbol("a_local", 0x1000, 8, STB_LOCAL);
  symbols.builder.symbol("__malloc", 0x1000, 8);
  symbols.builder.symbol("malloc", 0x1000, 8, STB_WEAK);
  symbols.builder.symbol("malloc_too", 0x1000, 8);
  symbols.builder.symbol("_Z1fv", 0x1010, 8);
  symbols.builder.symbol("private_f", 0x1010, 8);
  symbols.builder.symbol("b", 0x1020, 8);
  symbols.builder.symbol("a", 0x1020, 8);
  CHECK(symbols.at(0x1000) == "malloc+0");
  CHECK(symbols.at(0x1010) == "_Z1fv+0");
  CHECK(symbols.at(0x1020) == "a+0");
}

TEST_CASE("a size beyond the end of all addresses covers nothing", "[unit]") {
  Symbols symbols;
  symbols.builder.symbol("f", 0x1000, ~std::uint64_t{0});
  CHECK(symbols.at(0x1008).empty());
}

TEST_CASE("the symbols of a module's files are one set", "[unit]") {
  ElfBuilder first;
  first.text(0x100);
  first.symbol("exported", 0x1000, 8);
  ElfBuilder second;
  second.text(0x100);
  second.symbol("exported", 0x1000, 8);
  second.symbol("internal", 0x1010, 8, STB_LOCAL);
  const auto one = ElfFile::from_bytes(first.build());
  const auto two = ElfFile::from_bytes(second.build());
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  const std::array<const ElfFile*, 2> files = {&*one, &*two};
  const SymbolIndex index(files);
  REQUIRE(index.find(0x1000).has_value());
  CHECK(index.find(0x1000)->name == "exported");
  REQUIRE(index.find(0x1017).has_value());
  CHECK(index.find(0x1017)->name == "internal");
}

}  // namespace
}  // namespace memsnap
