// KEY type: what is live, by what it is.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/tables.h"

namespace memsnap::test {
namespace {

using Rows = std::map<std::string, Charged>;

Rows rows_of(const nlohmann::json& table) {
  Rows rows;
  for (const auto& row : table["rows"]) {
    rows[row["name"].get<std::string>()] = {row["size"], row["count"]};
  }
  return rows;
}

// What tests/targets/types.cpp has live, but for what cannot be told: the C++ library's own is among that.
Rows everything() {
  return {{"app::Point", {8, 1}},
          {"app::Named", {96, 2}},
          {"app::Sign", {56, 1}},
          {"app::Counted[]", {44, 1}},
          {"record", {24, 1}},
          {"int[]", {40, 1}},
          {"char[]", {34, 1}},
          {"std::_List_node<int>", {24, 1}},
          {"std::_Rb_tree_node<std::pair<int const, std::string>>", {72, 1}},
          {"std::__detail::_Hash_node<std::pair<int const, int>, false>", {16, 1}},
          {"std::__detail::_Hash_node_base*[]", {104, 1}},
          {"app::Pair", {16, 1}},
          {"app::Named (make_shared)", {64, 1}},
          {"app::Circle", {96, 3}},
          {"app::Square", {32, 1}}};
}

std::vector<std::string> programs() {
  std::vector<std::string> found;
  for (const std::string name : {"types", "types_optimised", "types_clang_O0", "types_clang_O2"}) {
    if (std::filesystem::exists(target(name))) {
      found.push_back(name);
    }
  }
  return found;
}

TEST_CASE("what is live is ranked by type whoever compiled the program") {
  for (const auto& program : programs()) {
    Script script(program);
    script.memsnap("start");
    script.break_at("finished");
    script.run();
    const Step now = script.memsnap("stats type --json --limit 0");
    script.cont();
    const Transcript said = script.play();

    INFO(program);
    auto rows = rows_of(said.json(now));
    CHECK(rows.erase("<unknown>") == 1);
    CHECK(rows == everything());
    CHECK(said.exit_code() == 0);
  }
}

TEST_CASE("blocks are listed with their types, and with what is in them", "[engines]") {
  Script script("types");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  const Step all = script.memsnap("blocks --limit 0");
  script.memsnap("stats type now --limit 0");
  const Step circles = script.memsnap("blocks 3 --json");
  const Step shapes = script.memsnap("blocks --type app::[CS]* --json");
  const Step none = script.memsnap("blocks --type Circle");
  script.add("up");
  const Step block = script.memsnap("block named");
  const Step array = script.memsnap("block counted + 1 --json");
  const Step holders = script.memsnap("refs named->next");
  const Step json = script.memsnap("refs named->next --json");
  script.cont();
  const Transcript said = script.play();

  for (const std::string line : {
           "0x...: size=8 B, type=app::Point, {x = 1, y = 2}\n",
           "0x...: size=48 B, type=app::Named, {id = 7, name = \"seven\", next = 0x...}\n",
           "0x...: size=32 B, type=app::Circle, {color = 3, radius = 1.5, unused = 0}\n",
           "0x...: size=44 B, type=app::Counted[3], {{value = {1, 2, 3}}, {value = {1, 2, 3}}, {value = {1, 2, 3}}}\n",
           "0x...: size=34 B, type=char[34], \"a text too long to be kept inside\"\n",
           "0x...: size=40 B, type=int[10], {0, 0, 0, 0, 0, 0, 0, 0, ...}\n",
           "0x...: size=64 B, type=app::Named (make_shared), {id = 8, name = \"eight\", next = 0x...}\n",
           "0x...: size=24 B, type=std::_List_node<int>, 1\n",
           "0x...: size=72 B, type=std::_Rb_tree_node<std::pair<int const, std::string>>, {first = 1, second = "
           "\"one\"}\n",
           "0x...: size=16 B, type=std::__detail::_Hash_node<std::pair<int const, int>, false>, {first = 1, second = "
           "2}\n",
           "0x...: size=100 B, type=unknown, ",
       }) {
    INFO(line);
    CHECK(said.text(all).find(line) != std::string::npos);
  }
  CHECK(said.json(circles)["total"] == nlohmann::json{{"size", 96}, {"count", 3}});
  CHECK(said.json(circles)["rows"][2]["type"] == "app::Circle");
  CHECK(said.json(circles)["rows"][2]["preview"] == "{color = 3, radius = 3, unused = 0}");
  CHECK(said.json(shapes)["total"]["count"] == 6);  // three circles, a sign, a square, and what is counted
  CHECK(said.text(none) == "now, blocks, of type Circle, by address\nTotal: size=0 B, count=0\n");
  CHECK(said.text(block).find("type: app::Named\npreview: {id = 7, name = \"seven\", next = 0x...}\nallocated:\n") !=
        std::string::npos);
  CHECK(said.text(holders).find(fmt::format(" block 0x...+40 of 48 B, 'next' of app::Named, types.cpp:{}\n",
                                            line_of("types.cpp", "named"))) != std::string::npos);
  const auto refs = said.json(json)["refs"];
  CHECK(std::ranges::any_of(refs,
                            [](const auto& each) { return each["type"] == "app::Named" && each["member"] == "next"; }));
  CHECK(said.json(array)["type"] == "app::Counted[3]");
  CHECK(said.json(array)["offset"] == 20);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("an object that a debugger shows in its own way is still where it is", "[engines]") {
  Script script("types");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  script.add("up");
  const std::vector<std::string> names = {"numbers", "text", "list", "map", "hashed", "unique", "shared", "several"};
  std::vector<Step> places;
  for (const auto& name : names) {
    places.push_back(script.memsnap("block " + name));
  }
  const Step inside = script.memsnap("block named->name");
  const Step buffer = script.memsnap("block numbers._M_impl._M_start");
  const Step element = script.memsnap("block &numbers._M_impl._M_start[3]");
  const Step of_array = script.memsnap("block several[1]");
  const Step behind = script.memsnap("block *several[2]");
  const Step holders = script.memsnap("refs named->name");
  script.cont();
  const Transcript said = script.play();

  for (std::size_t i = 0; i < names.size(); ++i) {
    INFO(names[i]);
    CHECK(said.text(places[i]) == fmt::format("0x...: stack of thread 1 (types), frame main, '{}'\n", names[i]));
  }
  CHECK(said.text(inside).find("size: 48 B\noffset: 8\n") != std::string::npos);
  CHECK(said.text(buffer).find("size: 40 B\noffset: 0\n") != std::string::npos);
  CHECK(said.text(element).find("size: 40 B\noffset: 12\n") != std::string::npos);
  CHECK(said.text(of_array).find("type: app::Square\n") != std::string::npos);
  CHECK(said.text(behind).find("type: app::Circle\n") != std::string::npos);
  CHECK(said.text(holders).starts_with(
      fmt::format("0x...: a block of 48 B, types.cpp:{}\n", line_of("types.cpp", "named"))));
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a snapshot has the types of its tracebacks") {
  Script script("waste_memory");
  script.memsnap("start");
  script.break_at("run");
  script.break_at("finished");
  script.run_with("2");
  script.memsnap("take before");
  script.cont();
  script.memsnap("take after");
  const Step changed = script.memsnap("diff type");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.text(changed) ==
        "before -> after, by type\n"
        "#1 char[]: size=19.5 KiB (+19.5 KiB), count=200 (+200), average=100 B\n"
        "#2 MyObject: size=3200 B (+3200 B), count=200 (+200), average=16 B\n"
        "#3 MyObject*[]: size=2048 B (+2048 B), count=2 (+2), average=1024 B\n"
        "#4 std::vector<MyObject*, std::allocator<MyObject*>>[]: size=48 B (+48 B), count=1 (+1), average=48 B\n"
        "Total: size=95.7 KiB (+24.7 KiB), count=404 (+403)\n");
  CHECK(said.exit_code() == 0);
}

TEST_CASE("one place that gives memory for several classes is several types only now") {
  Script script("types");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  script.memsnap("take everything");
  const Step all = script.memsnap("stats type everything --json --limit 0");
  const Transcript said = script.play();

  const auto rows = rows_of(said.json(all));
  CHECK(rows.at("app::Circle | app::Square") == Charged{96, 3});
  CHECK(rows.at("app::Circle") == Charged{32, 1});
}

TEST_CASE("without debug information symbols tell some types and the rest is unknown") {
  Script script("types_without_debug_info");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  const Step now = script.memsnap("stats type --json --limit 0");
  script.cont();
  const Transcript said = script.play();

  const auto rows = rows_of(said.json(now));
  CHECK(rows.at("app::Circle") == Charged{96, 3});
  CHECK(rows.at("std::_List_node<int>") == Charged{24, 1});
  CHECK(rows.contains("<unknown>"));
  CHECK_FALSE(rows.contains("app::Named"));
  CHECK_FALSE(rows.contains("record"));
  CHECK(said.exit_code() == 0);
}

}  // namespace
}  // namespace memsnap::test
