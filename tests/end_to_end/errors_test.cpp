// Wrong words and impossible wishes: one clear line each, and the session goes on.

#include <algorithm>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"

namespace memsnap::test {
namespace {

// What every error must be, whatever its words.
bool is_clear_error(const Answer& answer) {
  return answer.error && answer.text.starts_with("memsnap: ") && std::ranges::count(answer.text, '\n') == 1 &&
         answer.text.find("Traceback") == std::string::npos && answer.text.find("std::") == std::string::npos;
}

TEST_CASE("errors are the lines that are promised") {
  Script script("waste_memory");
  const Step no_process = script.memsnap("take");
  script.memsnap("start 10");
  script.break_at("run");
  script.run_with("1");
  script.memsnap("take before");
  script.memsnap("take after");
  const Step no_snapshot = script.memsnap("stats lineno befor");
  const Step no_key = script.memsnap("stats lineo");
  const Transcript said = script.play();

  CHECK(said[no_process] == error("no process; 'memsnap start' arms tracing for the next run"));
  CHECK(said[no_snapshot] == error("no snapshot 'befor'; there are: before, after"));
  CHECK(said[no_key] ==
        error("'lineo' is no key; keys are lineno, filename, function, traceback, module, domain, thread, type"));
}

TEST_CASE("no wrong use harms the session") {
  Script script("waste_memory");
  std::vector<Step> wrong;
  const auto expect_error = [&](const std::string& words) { wrong.push_back(script.memsnap(words)); };
  for (const std::string words : {"stop",
                                  "clear",
                                  "reset-peak",
                                  "take",
                                  "stats",
                                  "diff",
                                  "traceback",
                                  "delete nothing",
                                  "delete",
                                  "start 0",
                                  "start 257",
                                  "start -1",
                                  "start ten",
                                  "start 10 10",
                                  "start --engine magic",
                                  "start --nonsense",
                                  "stats now",
                                  "list extra",
                                  "help nonsense",
                                  "hide delete nothing",
                                  "hide add",
                                  "filter include",
                                  "filter nonsense",
                                  "hide nonsense"}) {
    expect_error(words);
  }
  const Step no_command = script.memsnap("nonsense");  // LLDB answers this one itself
  script.memsnap("start 10");
  expect_error("start 10");
  expect_error("take");
  script.break_at("run");
  script.break_at("finished");
  script.run_with("1");
  script.memsnap("take before");
  for (const std::string words :
       {"start 5", "take before", "take one two", "take now", "stats lineno nothing", "stats type --cumulative",
        "stats 99", "stats lineno before before", "stats --limit", "stats --limit few", "stats --limit -1",
        "stats --nonsense", "diff lineno before nothing", "diff lineno before now now", "traceback", "traceback 0",
        "traceback x", "delete 99"}) {
    expect_error(words);
  }
  script.cont();
  script.memsnap("take after");
  const Step diff = script.memsnap("diff lineno --json");
  const Step no_row = script.memsnap("traceback 99");
  script.cont();
  const Transcript said = script.play();

  for (const Step step : wrong) {
    INFO(said[step].text);
    CHECK(is_clear_error(said[step]));
  }
  CHECK(said[no_command].text.find("nonsense") != std::string::npos);
  CHECK(is_clear_error(said[no_row]));
  CHECK(said.json(diff)["total"]["count_diff"] == 202);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a program without an allocator is traced to its end") {
  Script script("no_allocator");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  const Step take = script.memsnap("take");
  const Step status = script.memsnap("status --json");
  const Step stop = script.memsnap("stop");
  script.cont();
  const Transcript said = script.play();

  CHECK(is_clear_error(said[take]));
  CHECK(said.json(status)["count"] == 0);
  CHECK(said[stop] == Answer{.text = "memsnap: stopped\n"});
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a source file that cannot be read costs a traceback its source lines alone") {
  Script script("no_source");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run();
  const Step stats = script.memsnap("stats --limit 1");
  const Step traceback = script.memsnap("traceback");
  script.kill();
  const Transcript said = script.play();

  CHECK(said.text(stats).find("#1 not_there.c:2: size=5 B, count=1, average=5 B\n") != std::string::npos);
  CHECK(said.text(traceback).find("not_there.c\", line 2, in main\n  ") != std::string::npos);
}

}  // namespace
}  // namespace memsnap::test
