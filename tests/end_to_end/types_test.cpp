// KEY type: what is live, by what it is.

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
          {"app::Named", {48, 1}},
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

TEST_CASE("what is live is ranked by type, whoever compiled the program") {
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

}  // namespace
}  // namespace memsnap::test
