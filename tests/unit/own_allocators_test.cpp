#include "plugin/own_allocators.h"

#include <array>
#include <string>
#include <vector>

#include "core/recorder/layout.h"
#include "tests/catch.h"
#include "tests/unit/elf_builder.h"

namespace memsnap {
namespace {

using test::ElfBuilder;

std::string said(CallKind kind, const std::string& text) {
  const auto function = parse_own_function(kind, text);
  return function
             ? function->name + " " + std::string(call_word(function->spec.kind)) + " " + argument_words(function->spec)
             : function.error().message;
}

TEST_CASE("what a function of a pool does is read, and said again the same", "[unit]") {
  CHECK(said(CallKind::allocate, "pool_alloc:size=2") == "pool_alloc alloc size=2");
  CHECK(said(CallKind::allocate, "f:pool=1,count=2i,size=6") == "f alloc size=6,count=2i,pool=1");
  CHECK(said(CallKind::allocate, "f:bytes=1KiB,out=3") == "f alloc bytes=1024,out=3");
  CHECK(said(CallKind::reallocate, "f:ptr=1,size=2i,pool=3") == "f realloc ptr=1,size=2i,pool=3");
  CHECK(said(CallKind::free, "f:ptr=4,pool=1") == "f free ptr=4,pool=1");
  CHECK(said(CallKind::free_all, "f") == "f free-all ");
  CHECK(said(CallKind::free_all, "f:pool=1") == "f free-all pool=1");
  CHECK(said(CallKind::allocate, "a::B<c::d>::f:size=2") == "a::B<c::d>::f alloc size=2");
  CHECK(said(CallKind::allocate, "a::f(int, b::c):size=1") == "a::f(int, b::c) alloc size=1");
  CHECK(said(CallKind::free_all, "a::f(int, b::c)") == "a::f(int, b::c) free-all ");
  CHECK(said(CallKind::free_all, "a::f") == "a::f free-all ");
}

TEST_CASE("numbers are those of the arguments, from 0 on and marked where they are ints", "[unit]") {
  const auto function = parse_own_function(CallKind::allocate, "f:size=2,count=6i,out=1");
  REQUIRE(function.has_value());
  CHECK(function->spec.size == 1);
  CHECK(function->spec.count == 5 + layout::kIntArgument);
  CHECK(function->spec.pointer == 0);
  CHECK(function->spec.kind == CallKind::allocate_out);
  CHECK(function->spec.pool == -1);
  CHECK(function->spec.is_own);
}

TEST_CASE("what is said wrongly of a function is told", "[unit]") {
  const std::string arguments = "; arguments are 1 to 6, with an i behind where it is an int";
  CHECK(said(CallKind::allocate, "f:size=0") == "'0' is no argument for size" + arguments);
  CHECK(said(CallKind::allocate, "f:size=") == "'' is no argument for size" + arguments);
  CHECK(said(CallKind::allocate, "f:size=7i") == "'7i' is no argument for size" + arguments);
  CHECK(said(CallKind::allocate, "f:size=-1") == "'-1' is no argument for size" + arguments);
  CHECK(said(CallKind::allocate, "f:bytes=0") == "'0' is no size for bytes; 64 is one");
  CHECK(said(CallKind::allocate, "f:size=1,bytes=8") == "f has either size or bytes");
  CHECK(said(CallKind::allocate, "f:size") ==
        "'size' says nothing of an alloc function; size=1, count=2, bytes=64, out=3 or pool=1 does");
  CHECK(said(CallKind::reallocate, "f:size=1") == "which argument of f is the block? f:ptr=1 says it is the first");
  CHECK(said(CallKind::free, "f:size=1") == "'size=1' says nothing of a free function; ptr=1 does");
  CHECK(said(CallKind::free_all, "f:ptr=1") == "'ptr=1' says nothing of a free-all function; pool=1 does");
  CHECK(said(CallKind::free, ":ptr=1") == "':ptr=1' has no function; pool_alloc:size=1 has");
  CHECK(said(CallKind::free, "") == "'' has no function; pool_alloc:size=1 has");
}

OwnFunction freeing(const std::string& name) { return *parse_own_function(CallKind::free, name + ":ptr=1"); }

TEST_CASE("a domain can have more functions later, and a function one domain", "[unit]") {
  OwnAllocators own;
  REQUIRE(own.add("pool", {freeing("f")}).has_value());
  const auto& first = own.functions().front();
  REQUIRE(own.add("pool", {freeing("g")}).has_value());
  CHECK(own.functions().size() == 2);
  CHECK(first.name == "f");
  CHECK(first.domain == "pool");
  CHECK(own.add("other", {freeing("h"), freeing("f")}).error().message == "f is traced already, in domain 'pool'");
  CHECK(own.functions().size() == 2);
}

TEST_CASE("there are as many domains as there are spaces", "[unit]") {
  OwnAllocators own;
  for (char name = 'a'; name < 'a' + 7; ++name) {
    REQUIRE(own.add(std::string(1, name), {freeing(std::string("f") + name)}).has_value());
  }
  CHECK(own.add("h", {freeing("g")}).error().message == "7 domains of your own are the most");
  CHECK(own.add("a", {freeing("g")}).has_value());
}

// Functions of 0x10 bytes, at 0x1000 and so on; those whose names begin with a dot are local.
std::vector<std::string> found(const std::vector<std::string>& symbols, const std::vector<std::string>& wanted) {
  ElfBuilder builder;
  builder.text(0x1000);
  std::uint64_t at = 0x1000;
  for (const auto& symbol : symbols) {
    const bool is_local = symbol.starts_with('.');
    builder.symbol(symbol.substr(is_local ? 1 : 0), at, 0x10, is_local ? STB_LOCAL : STB_GLOBAL, STT_FUNC);
    at += 0x10;
  }
  const auto file = ElfFile::from_bytes(builder.build());
  REQUIRE(file.has_value());
  std::vector<EntryPointSpec> specs;
  for (const auto& name : wanted) {
    specs.push_back({.name = name, .kind = CallKind::free, .pointer = 0, .is_own = true});
  }
  std::vector<const EntryPointSpec*> functions;
  for (const auto& spec : specs) {
    functions.push_back(&spec);
  }
  std::vector<std::string> names;
  for (const auto& entry :
       find_own_entry_points(*file, nullptr, functions, find_entry_points(*file, "/app/program", nullptr))) {
    CHECK(entry.room == 0x10);
    names.push_back(symbols.at((entry.offset - 0x1000) / 0x10));
  }
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("functions of the user's own are found by name, local ones too", "[unit]") {
  CHECK(found({"main", "pool_free", ".pool_free", "pool_free_all", "x"}, {"pool_free"}) ==
        Names{"pool_free", ".pool_free"});
  CHECK(found({"main", "x"}, {"pool_free"}).empty());
}

TEST_CASE("C++ functions are found by their names as a debugger shows them", "[unit]") {
  const Names symbols = {"_ZN2ns4Pool4freeEPv", "_ZN2ns4Pool4freeEPvm", "_ZN5Other4freeEPv", "_Z4freeIiEPvS0_", "last"};
  CHECK(found(symbols, {"ns::Pool::free"}) == Names{"_ZN2ns4Pool4freeEPv", "_ZN2ns4Pool4freeEPvm"});
  CHECK(found(symbols, {"ns::Pool::free(void*, unsigned long)"}) == Names{"_ZN2ns4Pool4freeEPvm"});
  CHECK(found(symbols, {"free<int>"}) == Names{"_Z4freeIiEPvS0_"});
  CHECK(found(symbols, {"_ZN5Other4freeEPv"}) == Names{"_ZN5Other4freeEPv"});
  CHECK(found(symbols, {"Pool::free"}).empty());
}

TEST_CASE("what is an entry point already is not another", "[unit]") {
  CHECK(found({"malloc", "mine", "last"}, {"malloc", "mine"}) == Names{"mine"});
}

}  // namespace
}  // namespace memsnap
