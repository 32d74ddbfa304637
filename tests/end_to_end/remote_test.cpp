// A process that a server on this machine runs for the debugger: the same as one that the debugger runs itself.

#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/attach_target.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"
#include "tests/end_to_end/tables.h"

namespace memsnap::test {
namespace {

enum class Way : std::uint8_t { native, armed, at_the_start };

// What is printed of a program at a stop.
std::vector<std::string> told(const std::string& program, Way way, const std::string& engine) {
  Served served;
  Script script(program);
  script.add(host().same_addresses());
  const std::string start = "start 20 --engine " + engine;
  if (way != Way::at_the_start) {
    script.memsnap(start);
  }
  if (way == Way::native) {
    script.break_at("finished");
    script.run();
  } else {
    served = host().serve({target(program)});
    script.add(served.connect);
    if (way == Way::at_the_start) {
      script.memsnap(start);
    }
    script.break_at("finished");
    script.cont();
  }
  std::vector<Step> steps;
  for (const std::string words : {"stats lineno now --limit 0", "stats module now", "stats domain now",
                                  "stats traceback now --limit 0 --all", "stats lineno now --limit 0 --json"}) {
    steps.push_back(script.memsnap(words));
  }
  const Step status = script.memsnap("status --json");
  script.cont();
  const Step end = script.memsnap("status --json");
  const Transcript said = script.play();
  std::vector<std::string> texts;
  for (const Step step : steps) {
    CHECK_FALSE(said[step].error);
    texts.push_back(said[step].text);
  }
  for (const Step step : {status, end}) {
    const auto totals = said.json(step);
    CHECK(totals["engine"] == engine);
    for (const char* key : {"tracing", "size", "count", "peak", "tracebacks", "allocations", "frees", "allocated",
                            "not_recorded", "unknown_frees", "missed_frees", "domains"}) {
      texts.push_back(key + (": " + totals[key].dump()));
    }
  }
  CHECK(said.exit_code() == 0);
  return texts;
}

void check_same(const std::string& program, Way way, const std::string& engine) {
  INFO(program << ", " << engine << (way == Way::armed ? ", armed" : ", at the start"));
  const auto native = told(program, Way::native, engine);
  const auto remote = told(program, way, engine);
  REQUIRE(remote.size() == native.size());
  for (std::size_t i = 0; i < remote.size(); ++i) {
    CHECK(remote[i] == native[i]);
  }
}

TEST_CASE("a program that a server runs is recorded as one that the debugger runs", "[remote]") {
  check_same("frames", Way::armed, "recorder");
  check_same("threads", Way::at_the_start, "recorder");
  check_same("frames_static", Way::at_the_start, "recorder");
}

TEST_CASE("breakpoints record a program that a server runs, too", "[remote]") {
  check_same("frames", Way::armed, "breakpoint");
  check_same("frames_static", Way::at_the_start, "breakpoint");
}

TEST_CASE("a process that a server attached to is traced from then on, and left healthy", "[remote]") {
  AttachTarget program;  // waits in a system call
  const Served served = host().serve(program.pid());
  Script script("attach");
  script.add(served.connect);
  const Step start = script.memsnap("start 10");
  script.break_at("allocated");
  script.add(program.send_from_debugger('a'));
  script.cont();
  const Step stats = script.memsnap("stats lineno now");
  const Step json = script.memsnap("stats lineno now --json");
  script.detach();
  const Transcript said = script.play();

  CHECK(said[start] == Answer{.text = "memsnap: tracing, 10 frames, engine recorder\n"});
  CHECK(said.text(stats).starts_with("now, by lineno, since memsnap start (older blocks are not known)\n#1 attach.c:"));
  CHECK(charged(said.json(json), "attach.c", "attach") == Charged{.size = 700, .count = 10});
  // The recorder goes on, and the next debugger finds it.
  CHECK(program.ask("a") == "aa");
  Script next("");
  next.attach(program.pid());
  next.memsnap("start 10");
  const Step found = next.memsnap("stats lineno now --json");
  next.memsnap("stop");
  next.detach();
  const Transcript said_next = next.play();
  CHECK(charged(said_next.json(found), "attach.c", "attach") == Charged{.size = 1400, .count = 20});
  CHECK(program.ask("aff") == "aff");
  CHECK(program.finish() == 0);
}

TEST_CASE("a program that a server let go on before memsnap came has older blocks", "[remote]") {
  const Served served = host().serve({target("waste_memory"), "1"});
  Script script("waste_memory");
  script.add(served.connect);
  script.break_at("run");
  script.break_at("finished");
  script.cont();
  script.memsnap("start");
  script.cont();
  const Step stats = script.memsnap("stats lineno now");
  const Step json = script.memsnap("stats lineno now --json");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.text(stats).starts_with("now, by lineno, since memsnap start (older blocks are not known)\n"));
  CHECK(charged(said.json(json), "waste_memory.cpp", "buffer") == Charged{.size = 10000, .count = 100});
  CHECK(said.exit_code() == 0);
}

}  // namespace
}  // namespace memsnap::test
