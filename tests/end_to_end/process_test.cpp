// Threads, forks, exec, libraries that come and go, attaching and detaching.

#include <algorithm>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/attach_target.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"

namespace memsnap::test {
namespace {

TEST_CASE("threads that allocate at the same time are all counted, each for itself") {
  Script script("threads");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  const Step by_line = script.memsnap("stats lineno now --limit 0 --json");
  const Step by_thread = script.memsnap("stats thread now --limit 0 --json");
  const Step status = script.memsnap("status --json");
  script.cont();
  const Transcript said = script.play();

  // Of 25 blocks each, every second was freed by a neighbour: 12 are left.
  CHECK(charged(said.json(by_line), "threads.cpp", "thread") ==
        Charged{.size = 12 * (100 + 101 + 102 + 103), .count = 4 * 12});
  const nlohmann::json threads = said.json(by_thread);
  std::vector<std::int64_t> sizes;
  for (const nlohmann::json& row : threads["rows"]) {
    if (row["count"] == 12) {
      sizes.push_back(row["size"]);
    }
  }
  std::ranges::sort(sizes);
  CHECK(sizes == std::vector<std::int64_t>{1200, 1212, 1224, 1236});
  CHECK(said.json(status)["frees"].get<int>() >= 4 * 13);
  CHECK(said.json(status)["unknown_frees"] == 0);
  CHECK(said.json(status)["not_recorded"] == 0);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a forked child runs free, and its blocks are not the parent's") {
  Script script("fork");
  script.memsnap("start");
  script.break_at("main");
  script.break_at("finished");
  script.run();
  const Step at_main = script.memsnap("status --json");
  script.cont();
  const Step stats = script.memsnap("stats lineno now --json");
  const Step status = script.memsnap("status --json");
  script.cont();
  const Transcript said = script.play();

  CHECK(charged(said.json(stats), "fork.c", "before fork") == Charged{.size = 301, .count = 1});
  CHECK(charged(said.json(stats), "fork.c", "child") == std::nullopt);
  CHECK(charged(said.json(stats), "fork.c", "parent") == Charged{.size = 303, .count = 1});
  CHECK(said.json(status)["allocations"].get<int>() - said.json(at_main)["allocations"].get<int>() == 2);
  CHECK(said.exit_code() == 0);  // says that the child, too, ended with 0
}

TEST_CASE("exec ends what was recorded and the new program is traced from its start") {
  Script script("exec");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  const Step stats = script.memsnap("stats lineno now --json");
  script.cont();
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();

  CHECK(charged(said.json(stats), "exec.c", "before exec") == std::nullopt);
  CHECK(charged(said.json(stats), "exec.c", "after exec") == Charged{.size = 402, .count = 1});
  CHECK(said.json(status)["allocations"] == 1);
  CHECK(said.json(status)["frees"] == 1);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a library's blocks are shown the same when it is unloaded") {
  Script script("dlopen");
  script.memsnap("start");
  script.break_at("loaded");
  script.break_at("finished");
  script.run();
  script.memsnap("take loaded");
  const Step stats = script.memsnap("stats function loaded --json");
  script.cont();
  const Step stats_later = script.memsnap("stats function loaded --json");
  const Step by_line = script.memsnap("stats lineno now --limit 0 --json");
  script.cont();
  const Transcript said = script.play();

  CHECK(said[stats_later] == said[stats]);
  CHECK(row_named(said.json(stats), "plug")["size"] == 501);
  CHECK(charged(said.json(by_line), "plug.c", "plug") == Charged{.size = 501, .count = 1});
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a process is attached to, traced from then on, and left healthy") {
  AttachTarget program;  // has ten blocks that memsnap does not see
  Script script("");
  script.attach(program.pid());
  const Step start = script.memsnap("start 10");
  script.break_at("allocated");
  script.break_at("freed");
  script.add(program.send_from_debugger('a'));
  script.cont();
  const Step stats = script.memsnap("stats lineno now");
  const Step stats_json = script.memsnap("stats lineno now --json");
  script.add(program.send_from_debugger('f'));
  script.add(program.send_from_debugger('f'));
  script.cont();
  script.cont();
  const Step status = script.memsnap("status --json");
  script.memsnap("stop");
  script.detach();
  const Transcript said = script.play();

  CHECK(said[start] == Answer{.text = "memsnap: tracing, 10 frames, engine " + engine_at_work() + "\n"});
  CHECK(said.text(stats).starts_with("now, by lineno, since memsnap start (older blocks are not known)\n#1 attach.c:"));
  CHECK(charged(said.json(stats_json), "attach.c", "attach") == Charged{.size = 700, .count = 10});
  CHECK(said.json(status)["count"] == 0);
  CHECK(said.json(status)["frees"] == 10);
  CHECK(said.json(status)["unknown_frees"] == 10);
  CHECK(program.ask("af") == "affaf");
  CHECK(program.finish() == 0);
}

TEST_CASE("what a process recorded that was attached to is there after its end", "[engines]") {
  AttachTarget program;
  Script script("");
  script.attach(program.pid());
  script.memsnap("start 10");
  script.add(program.send_from_debugger('a'));
  script.add(program.send_from_debugger('q'));
  script.cont();
  const Step stats = script.memsnap("stats --json");
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();

  CHECK(charged(said.json(stats), "attach.c", "attach") == Charged{.size = 700, .count = 10});
  CHECK(said.json(status)["allocations"] == 10);
  CHECK(program.finish() == 0);
}

TEST_CASE("detaching without stop leaves a healthy process") {
  AttachTarget program;
  Script script("");
  script.attach(program.pid());
  script.memsnap("start");
  script.break_at("allocated");
  script.add(program.send_from_debugger('a'));
  script.cont();
  const Step taken = script.memsnap("take --json");
  script.detach();
  const Step later = script.memsnap("stats lineno 1 --json");
  const Transcript said = script.play();

  CHECK(said.json(taken)["count"] == 10);
  CHECK(charged(said.json(later), "attach.c", "attach") == Charged{.size = 700, .count = 10});
  CHECK(program.ask("aff") == "aaff");
  CHECK(program.finish() == 0);
}

TEST_CASE("stop leaves a launched process as it was") {
  Script script("waste_memory");
  script.memsnap("start");
  script.break_at("run");
  script.break_at("finished");
  script.run_with("1");
  script.memsnap("stop");
  script.cont();
  const Step again = script.memsnap("start");
  script.cont();
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();

  CHECK(said.text(again) == "memsnap: tracing, 32 frames, engine " + engine_at_work() + "\n");
  CHECK(said.json(status)["allocations"] == 0);
  CHECK(said.json(status)["unknown_frees"].get<int>() >= 202);
  CHECK(said.exit_code() == 0);
}

}  // namespace
}  // namespace memsnap::test
