// Types and virtual tables as the files of compiled programs have them.

#include <filesystem>
#include <optional>
#include <set>
#include <span>

#include "core/elf/elf_file.h"
#include "core/heap/allocation_type.h"
#include "core/heap/type_catalog.h"
#include "core/heap/type_name.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

const std::string kFolder = MEMSNAP_TYPES_DIR;

// A program of tests/targets/types.cpp.
struct Program {
  explicit Program(const std::string& name)
      : path(kFolder + "/" + name), module(modules.intern({path, {}, {}, 0})), symbolizer(modules), types(symbolizer) {}

  std::string path;
  ModuleTable modules;
  ModuleId module;
  Symbolizer symbolizer;
  TypeCatalog types;
};

// Those with debug information, by every compiler that is there.
std::vector<std::string> programs() {
  std::vector<std::string> found;
  for (const std::string name : {"types", "types_optimised", "types_clang_O0", "types_clang_O2"}) {
    if (std::filesystem::exists(kFolder + "/" + name)) {
      found.push_back(name);
    }
  }
  REQUIRE(found.size() >= 2);
  return found;
}

std::optional<std::uint64_t> object(const std::string& path, const std::string& name) {
  std::optional<std::uint64_t> address;
  const auto file = ElfFile::open(path);
  REQUIRE(file);
  file->for_each_variable([&](const ElfSymbol& symbol) {
    if (symbol.name == name) {
      address = symbol.value;
    }
  });
  return address;
}

TEST_CASE("A class is read from debug information by its name", "[unit][types]") {
  for (const auto& name : programs()) {
    INFO(name);
    Program program(name);
    const auto* named = program.types.find("app::Named", program.module);
    REQUIRE(named != nullptr);
    CHECK(named->kind == Type::Kind::record);
    CHECK(named->size == 48);
    CHECK(named->members.size() == 3);
    CHECK(member_path(*named, 0) == "id");
    CHECK(member_path(*named, 4).empty());
    CHECK(member_path(*named, 8) == "name._M_dataplus._M_p");
    CHECK(member_path(*named, 40) == "next");

    const auto* record = program.types.find("record", program.module);
    REQUIRE(record != nullptr);
    CHECK(record->size == 24);
    CHECK(member_path(*record, 7) == "text[3]");

    const auto* circle = program.types.find("app::Circle", program.module);
    REQUIRE(circle != nullptr);
    CHECK(member_path(*circle, 8) == "color");
    CHECK(member_path(*circle, 16) == "radius");

    const auto* node = program.types.find("std::_List_node<int>", program.module);
    REQUIRE(node != nullptr);
    CHECK(node->size == 24);
    CHECK(member_path(*node, 8) == "_M_prev");
    CHECK(member_path(*node, 16) == "_M_storage");
    // Bytes that are kept for an object are that object.
    const auto* map_node = program.types.find(
        canonical_type_name(
            "std::_Rb_tree_node<std::pair<int const, std::__cxx11::basic_string<char, std::char_traits<char>, "
            "std::allocator<char>>>>"),
        program.module);
    REQUIRE(map_node != nullptr);
    CHECK(member_path(*map_node, 32) == "_M_storage.first");
    CHECK(member_path(*map_node, 40) == "_M_storage.second._M_dataplus._M_p");
    CHECK(program.types.find("app::Named", program.module) == named);
    CHECK(program.types.find("Named", program.module) == nullptr);
    CHECK(program.types.find("app::Nothing", program.module) == nullptr);
  }
}

TEST_CASE("An object's first word leads to its class", "[unit][types]") {
  for (const auto& name : programs()) {
    INFO(name);
    Program program(name);
    const auto& vtables = program.types.vtables(program.module);
    const auto sign = object(program.path, "_ZTVN3app4SignE");
    REQUIRE(sign);
    CHECK(vtables.class_at(*sign + 16) == "app::Sign");
    CHECK_FALSE(vtables.class_at(*sign));
    CHECK_FALSE(vtables.class_at(*sign + 8));
    CHECK_FALSE(vtables.class_at(*sign + 17));
    // Behind three functions, a table of another base begins.
    CHECK_FALSE(vtables.class_at(*sign + 56));
    CHECK_FALSE(vtables.class_at(0));
    CHECK_FALSE(vtables.class_at(~std::uint64_t{0}));
  }
}

TEST_CASE("A search for a type that the user ends finds nothing, and the next one everything", "[unit][types]") {
  Program program("types");
  program.types.set_goes_on([] { return false; });
  CHECK(program.types.find("app::Named", program.module) == nullptr);
  program.types.set_goes_on({});
  CHECK(program.types.find("app::Named", program.module) != nullptr);
}

TEST_CASE("Without debug information no type is known, but virtual tables have symbols", "[unit][types]") {
  Program program("types_without_debug_info");
  CHECK(program.types.find("app::Named", program.module) == nullptr);
  const auto sign = object(program.path, "_ZTVN3app4SignE");
  REQUIRE(sign);
  CHECK(program.types.vtables(program.module).class_at(*sign + 16) == "app::Sign");

  Program stripped("types_stripped");
  CHECK(stripped.types.find("app::Named", stripped.module) == nullptr);
  CHECK_FALSE(stripped.types.vtables(stripped.module).class_at(*sign + 16));

  Program missing("no_such_program");
  CHECK(missing.types.find("app::Named", missing.module) == nullptr);
  CHECK_FALSE(missing.types.vtables(missing.module).class_at(16));
}

TEST_CASE("The constructor that is run on a block tells its class, without any source", "[unit][types]") {
  for (const auto& name : programs()) {
    INFO(name);
    Program program(name);
    AllocationTypes types(program.types, {});
    const auto file = ElfFile::open(program.path);
    REQUIRE(file);
    std::set<std::string> found;
    file->for_each_function([&](const ElfSymbol& symbol) {
      if (symbol.name != "main") {
        return;
      }
      const auto code = file->loaded_bytes({{symbol.value}, {symbol.value + symbol.size}});
      constexpr std::size_t kCall = 5;
      for (std::size_t i = kCall; i < code.size(); ++i) {
        const Pc pc{program.module, symbol.value + i};
        if (code[i - kCall] == std::byte{0xe8}) {
          found.insert(types.find(std::span(&pc, 1)).name);
        }
      }
    });
    CHECK(found.contains("app::Named"));
    CHECK(found.contains("app::Circle"));
    CHECK(found.contains("app::Sign"));
    CHECK_FALSE(found.contains("app::Shape"));
    CHECK_FALSE(found.contains("app::Labelled"));
  }
}

TEST_CASE("A block holds as many of a type as its size says, or is not of it", "[unit][types]") {
  Type type;
  type.kind = Type::Kind::record;
  type.size = 12;
  using Amount = AllocationType::Amount;
  const auto count = [&](Amount amount, bool may_have_cookie, std::uint64_t size) {
    const auto extent = extent_of({"T", &type, amount, may_have_cookie, false, {}}, size);
    return extent ? std::pair(extent->count, extent->offset) : std::pair(std::uint64_t{0}, std::uint64_t{0});
  };
  using Found = std::pair<std::uint64_t, std::uint64_t>;
  CHECK(count(Amount::one, false, 12) == Found{1, 0});
  CHECK(count(Amount::one, false, 24) == Found{0, 0});
  CHECK(count(Amount::many, false, 24) == Found{2, 0});
  CHECK(count(Amount::many, false, 44) == Found{0, 0});
  CHECK(count(Amount::many, true, 44) == Found{3, 8});
  CHECK(count(Amount::many, true, 8) == Found{0, 0});
  CHECK_FALSE(extent_of({"T", nullptr, Amount::many, false, false, {}}, 12));
  CHECK(fits_all({"T", &type, Amount::one, false, false, {}}, 36, 3));
  CHECK_FALSE(fits_all({"T", &type, Amount::one, false, false, {}}, 36, 2));
  CHECK(fits_all({"T", &type, Amount::many, true, false, {}}, 88, 2));
  CHECK_FALSE(fits_all({"T", &type, Amount::many, false, false, {}}, 88, 2));
  CHECK_FALSE(fits_all({}, 12, 1));
}

}  // namespace
}  // namespace memsnap
