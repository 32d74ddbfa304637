#include "core/module.h"

#include "tests/catch.h"

namespace memsnap {
namespace {

TEST_CASE("a module table gives each module one id", "[unit]") {
  ModuleTable table;
  const auto first = table.intern({"/lib/a.so", "00ff", ""});
  CHECK(table.intern({"/lib/a.so", "00ff", "/debug/a"}) == first);
  CHECK(table.size() == 1);
  CHECK(table.get(first).path == "/lib/a.so");
}

TEST_CASE("a module rebuilt under the same path is another module", "[unit]") {
  ModuleTable table;
  const auto before = table.intern({"/lib/a.so", "00", ""});
  const auto after = table.intern({"/lib/a.so", "01", ""});
  CHECK(before != after);
  CHECK(table.get(before).build_id == "00");
}

TEST_CASE("a reference into a module table survives further modules", "[unit]") {
  ModuleTable table;
  const auto& first = table.get(table.intern({"/lib/a.so", "", ""}));
  for (int i = 0; i < 1000; ++i) {
    table.intern({"/lib/" + std::to_string(i), "", ""});
  }
  CHECK(first.path == "/lib/a.so");
}

TEST_CASE("the first debug file told of stays", "[unit]") {
  ModuleTable table;
  const auto id = table.intern({"/lib/a.so", "", ""});
  table.set_debug_file(id, "/debug/first");
  table.set_debug_file(id, "/debug/second");
  CHECK(table.get(id).debug_file == "/debug/first");
}

TEST_CASE("a module map without modules knows no address", "[unit]") {
  const ModuleMap map;
  CHECK(map.find({0x1000}) == nullptr);
  CHECK(map.to_pc({0x1000}) == Pc{ModuleId::none, 0x1000});
}

TEST_CASE("a module map turns addresses into offsets, ends excluded", "[unit]") {
  const ModuleMap map({
      {ModuleId{1}, 0x7000, {{{0x8000}, {0x9000}}, {{0xa000}, {0xb000}}}},
      {ModuleId{0}, 0, {{{0x400000}, {0x401000}}}},
      {ModuleId{2}, 0x9000, {{{0x9000}, {0xa000}}}},
  });
  CHECK(map.to_pc({0x7fff}) == Pc{ModuleId::none, 0x7fff});
  CHECK(map.to_pc({0x8000}) == Pc{ModuleId{1}, 0x1000});
  CHECK(map.to_pc({0x9000}) == Pc{ModuleId{2}, 0});
  CHECK(map.to_pc({0xafff}) == Pc{ModuleId{1}, 0x3fff});
  CHECK(map.to_pc({0xb000}) == Pc{ModuleId::none, 0xb000});
  CHECK(map.to_pc({0x400800}) == Pc{ModuleId{0}, 0x400800});
}

TEST_CASE("the name of a module is the last component of its path", "[unit]") {
  CHECK(base_name("/usr/lib/libc.so.6") == "libc.so.6");
  CHECK(base_name("program") == "program");
  CHECK(base_name("").empty());
  CHECK(base_name("/").empty());
}

}  // namespace
}  // namespace memsnap
