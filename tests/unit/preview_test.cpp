#include "core/heap/preview.h"

#include <cstring>

#include "core/heap/type.h"
#include "tests/catch.h"
#include "tests/unit/fake_memory.h"

namespace memsnap {
namespace {

using test::FakeMemory;
using Kind = Type::Kind;

constexpr Address kBlock{0x10000};

Type record(std::string name, std::uint64_t size, std::vector<Member> members) {
  Type type;
  type.kind = Kind::record;
  type.name = std::move(name);
  type.size = size;
  type.members = std::move(members);
  return type;
}

const Type& builtin(std::string_view name) { return *builtin_type(name); }

template <typename Bytes>
void put(FakeMemory& memory, Address address, const Bytes& bytes) {
  memory.map(address.value, sizeof(bytes));
  memory.put_bytes(address.value, &bytes, sizeof(bytes));
}

// What a block of these bytes is shown as.
template <typename Bytes>
std::string shown(const Bytes& bytes, const Shape& shape) {
  FakeMemory memory;
  put(memory, kBlock, bytes);
  return preview(shape, kBlock, sizeof(bytes), memory);
}

template <typename T>
std::string shown_as(T value, std::string_view type) {
  return shown(value, {.type = &builtin(type)});
}

struct Text {
  char bytes[16];
};

TEST_CASE("Numbers are shown as they are", "[unit][types]") {
  CHECK(shown_as(-7, "int") == "-7");
  CHECK(shown_as(7U, "unsigned int") == "7");
  CHECK(shown_as(1.5, "double") == "1.5");
  CHECK(shown_as(1.5F, "float") == "1.5");
  CHECK(shown_as(true, "bool") == "true");
  CHECK(shown_as('x', "char") == "'x'");
  CHECK(shown_as('\0', "char") == "0");
  CHECK(shown_as('\'', "char") == "'\\''");
  CHECK(shown_as(std::uint64_t{0x1234}, "int*") == "0x1234");
}

TEST_CASE("An enumeration is shown by its enumerator", "[unit][types]") {
  Type color;
  color.kind = Kind::enumeration;
  color.size = 4;
  color.enumerators = {{"red", 0}, {"blue", -1}};
  CHECK(shown(0, {.type = &color}) == "red");
  CHECK(shown(-1, {.type = &color}) == "blue");
  CHECK(shown(5, {.type = &color}) == "5");
}

TEST_CASE("A class is shown by its members, those of its bases among them", "[unit][types]") {
  struct Bytes {
    int base = 1;
    std::uint32_t bits = 0x2d;
    std::uint64_t next = 0xff;
  };
  const auto base = record("Base", 4, {{"base", 0, &builtin("int")}});
  const auto inner = record("Inner", 8, {{"next", 0, &builtin("int*")}});
  const auto type = record("Derived", 16,
                           {{"", 0, &base, true},
                            {"_vptr.Derived", 0, &builtin("int*")},
                            {"low", 4, &builtin("unsigned int"), false, 0, 3},
                            {"high", 4, &builtin("int"), false, 3, 3},
                            {"inner", 8, &inner}});
  CHECK(shown(Bytes(), {.type = &type}) == "{base = 1, low = 5, high = -3, inner = {next = 0xff}}");
  CHECK(shown(Bytes(), {.type = &inner, .offset = 8}) == "{next = 0xff}");
}

TEST_CASE("An array is shown by its first elements", "[unit][types]") {
  const int few[3] = {1, 2, 3};
  CHECK(shown(few, {.type = &builtin("int"), .count = 3, .is_array = true}) == "{1, 2, 3}");
  const int many[100] = {1, 2};
  CHECK(shown(many, {.type = &builtin("int"), .count = 100, .is_array = true}) == "{1, 2, 0, 0, 0, 0, 0, 0, ...}");
  const Text text = {"a \"b\"\n"};
  CHECK(shown(text, {.type = &builtin("char"), .count = 16, .is_array = true}) == R"("a \"b\"\n")");
  const Text no_text = {"\x01\x02\x03"};
  CHECK(shown(no_text, {.type = &builtin("char"), .count = 16, .is_array = true}) ==
        "0x0000000000030201 0x0000000000000000");
}

TEST_CASE("A string of either library is shown by its text", "[unit][types]") {
  FakeMemory memory;
  struct Gnu {
    std::uint64_t pointer;
    std::uint64_t length;
    char local[16];
  };
  const auto gnu = record("basic_string<char, std::char_traits<char>, std::allocator<char> >", 32,
                          {{"_M_dataplus", 0, &builtin("int*")}, {"_M_string_length", 8, &builtin("unsigned long")}});
  put(memory, kBlock, Gnu{kBlock.value + 16, 3, "abc"});
  CHECK(preview({.type = &gnu}, kBlock, 32, memory) == "\"abc\"");
  constexpr Address kText{0x50000};
  put(memory, kText, Text{"longer than 15"});
  put(memory, Address{0x20000}, Gnu{kText.value, 14, ""});
  CHECK(preview({.type = &gnu}, Address{0x20000}, 32, memory) == "\"longer than 15\"");
  put(memory, Address{0x30000}, Gnu{0x666, 14, ""});
  CHECK(preview({.type = &gnu}, Address{0x30000}, 32, memory) == "{_M_dataplus = 0x666, _M_string_length = 14}");

  const auto llvm =
      record("basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >", 24, {{"__rep_", 0, &gnu}});
  struct Short {
    unsigned char length;
    char text[23];
  };
  put(memory, Address{0x40000}, Short{3 << 1, "abc"});
  CHECK(preview({.type = &llvm}, Address{0x40000}, 24, memory) == "\"abc\"");
  struct Long {
    std::uint64_t capacity;
    std::uint64_t size;
    std::uint64_t pointer;
  };
  put(memory, Address{0x60000}, Long{33, 6, kText.value});
  CHECK(preview({.type = &llvm}, Address{0x60000}, 24, memory) == "\"longer\"");
}

TEST_CASE("What has no type is shown as text or as words", "[unit][types]") {
  CHECK(shown(Text{"text"}, {}) == "\"text\"");
  CHECK(shown(Text{"abc"}, {}) == "0x0000000000636261 0x0000000000000000");
  const std::uint64_t words[6] = {1, 2, 3, 4, 5, 6};
  CHECK(shown(words, {}) == "0x0000000000000001 0x0000000000000002 0x0000000000000003 0x0000000000000004");
  CHECK(shown(std::uint16_t{0x1234}, {}) == "0x1234");
}

TEST_CASE("A pointer whose bytes could be characters is no text", "[unit][types]") {
  const std::uint64_t pointer = 0x55555a214028;  // "(@!ZUU"
  FakeMemory memory;
  put(memory, kBlock, pointer);
  CHECK(preview({}, kBlock, 8, memory) == "\"(@!ZUU\"");
  put(memory, Address{pointer}, 'x');
  CHECK(preview({}, kBlock, 8, memory) == "0x000055555a214028");
}

TEST_CASE("A preview is short, and never fails", "[unit][types]") {
  FakeMemory memory;
  CHECK(preview({}, kBlock, 16, memory) == "unreadable");
  CHECK(preview({}, kBlock, 0, memory).empty());
  const std::vector<char> all_text(4096, 'x');
  memory.map(kBlock.value, all_text.size());
  memory.put_bytes(kBlock.value, all_text.data(), all_text.size());
  CHECK(preview({}, kBlock, 4096, memory).size() <= kLongestPreview);
  CHECK(preview({.type = &builtin("char"), .count = 4096, .is_array = true}, kBlock, 4096, memory).size() <=
        kLongestPreview);
  auto wide = record("Wide", 4000, {});
  for (std::uint64_t i = 0; i < 1000; ++i) {
    wide.members.push_back({"a_member_with_quite_a_long_name", i * 4, &builtin("int")});
  }
  CHECK(preview({.type = &wide}, kBlock, 4096, memory).size() <= kLongestPreview);
  // One that holds itself, as only broken debug information says.
  auto endless = record("Endless", 8, {});
  endless.members = {{"self", 0, &endless}, {"", 0, &endless}};
  CHECK(preview({.type = &endless}, kBlock, 8, memory).size() <= kLongestPreview);
  CHECK(member_path(endless, 0).size() < 1000);
}

TEST_CASE("A place in a block has a path", "[unit][types]") {
  const auto point = record("Point", 8, {{"x", 0, &builtin("int")}, {"y", 4, &builtin("int")}});
  Type points;
  points.kind = Kind::array;
  points.element = &point;
  points.count = 3;
  points.size = 24;
  const auto empty = record("Empty", 1, {});
  const auto base = record("Base", 8, {{"first", 0, &builtin("long")}});
  const auto type = record("Thing", 48,
                           {{"", 0, &empty, true},
                            {"", 0, &base, true},
                            {"points", 8, &points},
                            {"tail", 32, &builtin("int")},
                            {"next", 40, &builtin("int*")}});
  CHECK(member_path(type, 0) == "first");
  CHECK(member_path(type, 3) == "first+3");
  CHECK(member_path(type, 8) == "points[0].x");
  CHECK(member_path(type, 28) == "points[2].y");
  CHECK(member_path(type, 40) == "next");
  CHECK(member_path(type, 36).empty());
  CHECK(member_path(type, 48).empty());
  CHECK(member_path(builtin("int"), 0).empty());
  REQUIRE(find_member(type, "first"));
  CHECK(find_member(type, "next")->offset == 40);
  CHECK_FALSE(find_member(type, "nothing"));
}

}  // namespace
}  // namespace memsnap
