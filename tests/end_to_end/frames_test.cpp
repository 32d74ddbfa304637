// The same frames, however the program was built.

#include <fmt/format.h>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"

namespace memsnap::test {
namespace {

const std::string kFramesSource = "frames.cpp";

// The first row's traceback, down to main: "function:line", with "~" in front where inline.
std::string frames_down_to_main(const nlohmann::json& table) {
  std::string text;
  for (const nlohmann::json& row : table.at("rows")) {
    if (row.at("size") != 601) {
      continue;
    }
    for (const nlohmann::json& frame : row.at("traceback")) {
      if (!frame.at("line").is_null() && frame.at("hidden") == false) {
        text += fmt::format("{}{}:{}\n", frame.at("inlined") == true ? "~" : "",
                            frame.at("function").get<std::string>(), frame.at("line").get<int>());
      }
    }
  }
  return text;
}

std::string known_frames() {
  return fmt::format(
      "~garden::make_node():{}\n~garden::grow_tree():{}\n"
      "garden::plant(int):{}\nmain:{}\n",
      line_of(kFramesSource, "node"), line_of(kFramesSource, "grow"), line_of(kFramesSource, "plant"),
      line_of(kFramesSource, "main"));
}

void check_frames(const std::string& program) {
  Script script(program);
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  const Step tracebacks = script.memsnap("stats traceback now --json");
  const Step stats = script.memsnap("stats lineno now --json");
  const Step status = script.memsnap("status --json");
  script.cont();
  const Transcript said = script.play();

  CHECK(frames_down_to_main(said.json(tracebacks)) == known_frames());
  CHECK(charged(said.json(stats), kFramesSource, "node") == Charged{.size = 601, .count = 1});
  CHECK(said.json(status)["not_recorded"] == 0);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("frames of a program built without optimisation") { check_frames("frames"); }
TEST_CASE("frames of an optimised program") { check_frames("frames_optimised"); }
TEST_CASE("frames of a program that is not position independent") { check_frames("frames_fixed"); }
TEST_CASE("frames of a static program") { check_frames("frames_static"); }
TEST_CASE("frames of a program with its symbols in a file of their own") { check_frames("frames_separate"); }

TEST_CASE("a stripped program's blocks are charged to the module") {
  Script script("frames_stripped");
  script.memsnap("start");
  script.break_at("exit");
  script.run();
  const Step stats = script.memsnap("stats lineno now --json");
  const Step text = script.memsnap("stats lineno now");
  const Step traceback = script.memsnap("traceback 1");
  script.cont();
  const Transcript said = script.play();

  const nlohmann::json row = said.json(stats)["rows"][0];
  CHECK(row["size"] == 601);
  CHECK(row["count"] == 1);
  CHECK(row["line"].is_null());
  CHECK(row["name"].get<std::string>().starts_with("frames_stripped!"));
  CHECK(said.text(text).find("#1 frames_stripped!") != std::string::npos);
  CHECK(said.text(traceback).find("  Module \"frames_stripped\", in 0x...\n") != std::string::npos);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("recursion is charged once, and a deep stack is cut with a word of it") {
  const std::string source = "recursion.c";
  Script script("recursion");
  script.memsnap("start 32");
  script.break_at("finished");
  script.run();
  const Step stats = script.memsnap("stats lineno now --json");
  const Step cumulative = script.memsnap("stats lineno now --cumulative --json");
  script.memsnap(fmt::format("filter include '*{}:{}'", source, line_of(source, "bottom")));
  script.memsnap("stats lineno now");
  const Step traceback = script.memsnap("traceback");
  script.cont();
  const Transcript said = script.play();

  CHECK(charged(said.json(stats), source, "level") == Charged{.size = 8010, .count = 10});
  CHECK(charged(said.json(stats), source, "bottom") == Charged{.size = 802, .count = 1});
  CHECK(charged(said.json(stats), source, "deeper") == std::nullopt);
  CHECK(charged(said.json(cumulative), source, "deeper") == Charged{.size = 9 * 801 + 802, .count = 10});
  CHECK(charged(said.json(cumulative), source, "main") == Charged{.size = 8010, .count = 10});
  CHECK(said.text(traceback).ends_with("  (truncated: 32 frames limit)\n"));
  CHECK(said.exit_code() == 0);
}

TEST_CASE("two thousand call sites are told apart") {
  Script script("many_sites");
  script.memsnap("start 4");
  script.break_at("finished");
  script.run();
  const Step all = script.memsnap("stats lineno now --limit 0 --json");
  const Step text = script.memsnap("stats lineno now --limit 1");
  script.kill();
  const Transcript said = script.play();

  const nlohmann::json table = said.json(all);
  CHECK(table["rows_total"] == 1996);
  REQUIRE(table["rows"].size() == 1996);
  int right = 0;
  for (const nlohmann::json& row : table["rows"]) {
    right += row["line"] == row["size"] && row["count"] == 1 ? 1 : 0;
  }
  CHECK(right == 1996);
  CHECK(said.text(text) ==
        "now, by lineno\n#1 many_sites.c:2000: size=2000 B, count=1, average=2000 B\n... and 1995 more rows\n"
        "Total: size=1954 KiB, count=1996\n");
}

}  // namespace
}  // namespace memsnap::test
