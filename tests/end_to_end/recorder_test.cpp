// What the recorder adds: it lives in the process, and says the same as breakpoints do.

#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/attach_target.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/tables.h"
#include "tests/end_to_end/text.h"

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
  for (const std::string program : {"frames", "frames_optimised", "frames_static", "frames_stripped", "recursion",
                                    "entry_points", "unwound", "peak"}) {
    INFO(program);
    const auto recorder = told(program, "finished", "recorder");
    const auto breakpoint = told(program, "finished", "breakpoint");
    REQUIRE(recorder.size() == breakpoint.size());
    for (std::size_t i = 0; i < recorder.size(); ++i) {
      CHECK(recorder[i] == breakpoint[i]);
    }
  }
}

TEST_CASE("a child that the debugger follows has the books that it was born with, and goes on with them", "[engines]") {
  Script script("fork");
  script.add(host().follow_children());
  script.memsnap("start --engine recorder");
  script.break_at("child_finished");
  script.run();
  const Step stats = script.memsnap("stats lineno now --json");
  const Step status = script.memsnap("status --json");
  script.cont();
  const Transcript said = script.play();

  CHECK(charged(said.json(stats), "fork.c", "before fork") == std::nullopt);
  CHECK(charged(said.json(stats), "fork.c", "kept by the child") == Charged{.size = 304, .count = 1});
  CHECK(charged(said.json(stats), "fork.c", "parent") == std::nullopt);
  CHECK(said.json(status)["frees"] == 11);
  CHECK(said.json(status)["not_recorded"] == 0);
  CHECK(said.json(status)["unknown_frees"] == 0);
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

TEST_CASE("blocks from before a debugger's first snapshot are not younger than it, whoever took some before",
          "[engines]") {
  AttachTarget program;
  {
    Script script("");
    script.attach(program.pid());
    script.memsnap("start 10 --engine recorder");
    script.memsnap("take one");
    script.memsnap("take two");
    script.detach();
    script.play();
  }
  CHECK(program.ask("a") == "a");
  Script script("");
  script.attach(program.pid());
  script.memsnap("start 10");
  script.memsnap("take mine");
  const Step none = script.memsnap("blocks --since mine --json");
  const Step older = script.memsnap("blocks --json");
  script.add(program.send_from_debugger('a'));
  script.break_at("allocated");
  script.cont();
  script.add(host().delete_breakpoints());
  script.detach();
  // The same session again: its snapshots still count.
  script.attach(program.pid());
  script.memsnap("start 10");
  const Step all = script.memsnap("blocks --json");
  const Step since = script.memsnap("blocks --since mine --json");
  script.memsnap("stop");
  script.detach();
  const Transcript said = script.play();
  CHECK(said.json(none)["total"]["count"] == 0);
  CHECK(said.json(older)["total"]["count"] == 10);
  for (const auto& row : said.json(older)["rows"]) {
    CHECK(row["since"].is_null());
  }
  CHECK(said.json(all)["total"]["count"] == 20);
  CHECK(said.json(since)["total"]["count"] == 10);
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

// How the program's own entry point of this name is watched; the C library has one of that name too.
std::string way_of(const nlohmann::json& status, const std::string& name) {
  return status["domains"]["malloc"].value("own_malloc!" + name, "not at all");
}

TEST_CASE("a breakpoint among the first instructions of malloc stops the program, and every call is recorded",
          "[engines]") {
  const std::string source = "own_malloc.c";
  Script script("own_malloc");
  script.memsnap("start --engine recorder");
  script.break_at("begun");
  script.run();
  const Step before = script.memsnap("status --json");
  script.break_at_site("own_malloc.S", "second instruction");
  const Step stop = script.cont();
  const Step bent = script.memsnap("status --json");
  const Step traceback = script.add("bt");
  script.add(host().delete_breakpoints());
  script.break_at("allocated");
  script.cont();
  const Step free_again = script.memsnap("status --json");
  const Step first = script.memsnap("stats --limit 0 --json");
  script.break_at_site("own_malloc.S", "second instruction");
  script.break_at("finished");
  for (int i = 0; i < 11; ++i) {
    script.cont();
  }
  const Step second = script.memsnap("stats lineno now --limit 0 --json");
  script.add(host().delete_breakpoints());
  script.cont();
  const Transcript said = script.play();

  CHECK(way_of(said.json(before), "malloc") == "hook");
  CHECK(way_of(said.json(before), "valloc") == "breakpoint");
  CHECK(said[stop].text.find("own_malloc.S") != std::string::npos);
  CHECK(way_of(said.json(bent), "malloc") == "breakpoint");
  CHECK(said[traceback].text.find("main") != std::string::npos);
  CHECK(way_of(said.json(free_again), "malloc") == "hook");
  CHECK(charged(said.json(first), source, "malloc") == Charged{.size = 1000, .count = 10});
  CHECK(charged(said.json(first), source, "valloc") == Charged{.size = 1000, .count = 10});
  CHECK(charged(said.json(second), source, "again") == Charged{.size = 1000, .count = 10});
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a breakpoint among the first instructions of malloc that was there before is no obstacle", "[engines]") {
  Script script("own_malloc");
  script.break_at_site("own_malloc.S", "second instruction");
  script.break_at("allocated");
  script.memsnap("start --engine recorder");
  for (int i = 0; i < 11; ++i) {
    i == 0 ? script.run() : script.cont();
  }
  const Step status = script.memsnap("status --json");
  const Step stats = script.memsnap("stats --limit 0 --json");
  script.kill();
  const Transcript said = script.play();
  CHECK(way_of(said.json(status), "malloc") == "breakpoint");
  CHECK(charged(said.json(stats), "own_malloc.c", "malloc") == Charged{.size = 1000, .count = 10});
}

TEST_CASE("an allocator of a static program's own is not taken for the C library's", "[engines]") {
  Script script("own_static");
  script.memsnap("start --engine recorder");
  script.break_at("finished");
  script.run();
  const Step status = script.memsnap("status --json");
  const Step stats = script.memsnap("stats --limit 0 --json");
  script.kill();
  const Transcript said = script.play();
  CHECK(charged(said.json(stats), "own_static.c", "calloc") == Charged{.size = 240, .count = 10});
  CHECK(said.json(status)["missed_frees"] == 0);
  CHECK(said.json(status)["allocations"] == said.json(status)["count"]);
}

TEST_CASE("a program that forbids itself the recorder's system calls is recorded, and ends as ever", "[engines]") {
  for (const std::string filter : {"fewer", "roundabout", "strict"}) {
    INFO(filter);
    Script script(target("recorded/recorded_limits"));
    script.memsnap("start --engine recorder");
    script.break_at("checkpoint");
    script.run_with(filter);
    script.memsnap("take");
    script.cont();
    const Step full = script.memsnap("status --json");
    const Step diff = script.memsnap("diff lineno 1 now --json");
    script.cont();
    script.cont();
    const Transcript said = script.play();
    CHECK(said.json(full)["not_recorded"] == 0);
    CHECK(said.json(diff)["total"]["count_diff"] == 200'000);
    CHECK(said.exit_code() == 0);
  }
}

TEST_CASE("a process that has forbidden itself system calls is not made to do any", "[engines]") {
  Script script(target("recorded/recorded_limits"));
  script.break_at("checkpoint");
  script.run_with("fewer");
  const Step recorder = script.memsnap("start --engine recorder");
  const Step any = script.memsnap("start");
  script.memsnap("stop");
  script.cont();
  script.cont();
  script.cont();
  const Transcript said = script.play();
  CHECK(said[recorder].error);
  CHECK(said[recorder].text.find("seccomp") != std::string::npos);
  CHECK(said[any].text.starts_with("memsnap: tracing, 32 frames, engine breakpoint\n"));
  CHECK(said[any].text.find("seccomp") != std::string::npos);
  CHECK(said.exit_code() == 0);
}

}  // namespace
}  // namespace memsnap::test
