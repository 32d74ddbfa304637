// What the recorder adds: it lives in the process, and says the same as breakpoints do.

#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/attach_target.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/tables.h"

namespace memsnap::test {
namespace {

// What is printed of a program at a stop, with one engine.
std::vector<std::string> told(const std::string& program, const std::string& stop, const std::string& engine) {
  Script script(program);
  script.add(host().same_addresses());
  script.memsnap("start 20 --engine " + engine);
  script.break_at(stop);
  script.run();
  std::vector<Step> steps;
  for (const std::string words : {"stats lineno now --limit 0", "stats filename now", "stats function now --limit 0",
                                  "stats module now", "stats domain now", "stats traceback now --limit 0 --all",
                                  "stats lineno now --cumulative --limit 0 --json", "traceback 1 --all"}) {
    steps.push_back(script.memsnap(words));
  }
  const Step status = script.memsnap("status --json");
  script.cont();
  const Transcript said = script.play();
  std::vector<std::string> texts;
  for (const Step step : steps) {
    CHECK_FALSE(said[step].error);
    texts.push_back(said[step].text);
  }
  const auto totals = said.json(status);
  CHECK(totals["engine"] == engine);
  for (const char* key : {"size", "count", "peak", "tracebacks", "allocations", "frees", "allocated", "not_recorded",
                          "unknown_frees", "missed_frees"}) {
    texts.push_back(key + (": " + totals[key].dump()));
  }
  return texts;
}

TEST_CASE("both engines print the same bytes", "[engines]") {
  for (const std::string program :
       {"frames", "frames_optimised", "frames_static", "frames_stripped", "recursion", "entry_points", "unwound"}) {
    INFO(program);
    const auto recorder = told(program, "finished", "recorder");
    const auto breakpoint = told(program, "finished", "breakpoint");
    REQUIRE(recorder.size() == breakpoint.size());
    for (std::size_t i = 0; i < recorder.size(); ++i) {
      CHECK(recorder[i] == breakpoint[i]);
    }
  }
}

TEST_CASE("after a detach the recorder goes on, and the next debugger finds what it recorded", "[engines]") {
  AttachTarget program;
  {
    Script script("");
    script.attach(program.pid());
    script.memsnap("start 10 --engine recorder");
    script.detach();
    const Transcript said = script.play();
  }
  CHECK(program.ask("aaf") == "aaf");
  Script script("");
  script.attach(program.pid());
  const Step start = script.memsnap("start 10");
  const Step stats = script.memsnap("stats lineno now --json");
  const Step stop = script.memsnap("stop");
  script.detach();
  const Transcript said = script.play();
  CHECK(said[start] == Answer{.text = "memsnap: tracing, 10 frames, engine recorder\n"});
  const auto charge = charged(said.json(stats), "attach.c", "attach");
  REQUIRE(charge.has_value());
  CHECK(charge->count == 10);
  CHECK(said[stop] == Answer{.text = "memsnap: stopped\n"});
  CHECK(program.ask("aff") == "aff");
  CHECK(program.finish() == 0);
}

TEST_CASE("the debugger's own traceback passes through a hook, and breakpoints on malloc work", "[engines]") {
  Script script("waste_memory");
  script.memsnap("start --engine recorder");
  script.break_at("run");
  script.run_with("1");
  script.break_at("malloc");
  script.cont();
  const Step at_malloc = script.add("bt");
  const Step finished = script.add("finish");
  const Step stats = script.memsnap("status --json");
  script.kill();
  const Transcript said = script.play();
  CHECK(said[at_malloc].text.find("get_data") != std::string::npos);
  CHECK(said[at_malloc].text.find("main") != std::string::npos);
  CHECK_FALSE(said[finished].error);
  CHECK(said.json(stats)["engine"] == "recorder");
}

}  // namespace
}  // namespace memsnap::test
