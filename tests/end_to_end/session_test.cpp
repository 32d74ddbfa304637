// The main job, as text: what a user sees of tracemalloc's classic session.

#include <fmt/format.h>

#include <sys/personality.h>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"

namespace memsnap::test {
namespace {

const std::string kWasteSource = "waste_memory.cpp";

int waste_line(const std::string& site) { return line_of(kWasteSource, site); }

// libstdc++ allocates a pool of 72704 bytes for exceptions before main.
constexpr std::string_view kBefore = "Snapshot #1 'before': size=71.0 KiB, count=1, average=71.0 KiB\n";

TEST_CASE("start, take, run, take, diff and traceback find what run() kept") {
  Script script("waste_memory");
  const Step start = script.memsnap("start 10");
  script.break_at("run");
  script.break_at("finished");
  script.run();
  const Step before = script.memsnap("take before");
  script.cont();
  const Step after = script.memsnap("take after");
  const Step diff = script.memsnap("diff lineno");
  const Step traceback = script.memsnap("traceback 1");
  script.kill();
  const Transcript said = script.play();

  CHECK(said.text(start) == "memsnap: armed, 10 frames, engine " + engine() + "\n");
  CHECK(said.text(before) == kBefore);
  CHECK(said.text(after) == "Snapshot #2 'after': size=1307 KiB, count=20102, average=67 B\n");
  const std::string buffer = fmt::format("#1 {}:{}: size=977 KiB (+977 KiB), count=10000 (+10000), average=100 B\n",
                                         kWasteSource, waste_line("buffer"));
  CHECK(said.text(diff) == "before -> after, by lineno\n" + buffer +
                               fmt::format("#2 {}:{}: size=156 KiB (+156 KiB), count=10000 (+10000), average=16 B\n",
                                           kWasteSource, waste_line("object")) +
                               fmt::format("#3 {}:{}: size=100 KiB (+100 KiB), count=100 (+100), average=1024 B\n",
                                           kWasteSource, waste_line("vector")) +
                               fmt::format("#4 {}:{}: size=3072 B (+3072 B), count=1 (+1), average=3072 B\n",
                                           kWasteSource, waste_line("rounds")) +
                               "Total: size=1307 KiB (+1236 KiB), count=20102 (+20101)\n");
  CHECK(said.text(traceback) ==
        buffer + fmt::format("  ... 1 library frame\n"
                             "  File \"/src/waste_memory.cpp\", line {}, in MyObject::MyObject()\n"
                             "    data_ = new char[100];  // site: buffer\n"
                             "  File \"/src/waste_memory.cpp\", line {}, in get_data()\n"
                             "    MyObject* object = new MyObject;  // site: object\n"
                             "  File \"/src/waste_memory.cpp\", line {}, in run(int)\n"
                             "    deep_values.push_back(get_data());  // site: rounds\n"
                             "  File \"/src/waste_memory.cpp\", line {}, in main\n"
                             "    const std::vector<std::vector<MyObject*>> wasted = run(argc > 1 ? std::atoi(argv[1]) "
                             ": 100);  // site: main\n"
                             "  ... 3 library frames\n",
                             waste_line("buffer"), waste_line("object"), waste_line("rounds"), waste_line("main")));
}

// The session that the rest of this file asks about: two rounds, so 200 objects.
struct TwoRounds {
  Script script{"waste_memory"};
  Step before;
  Step after;

  TwoRounds() {
    script.memsnap("start 10");
    script.break_at("run");
    script.break_at("finished");
    script.run_with("2");
    before = script.memsnap("take before");
    script.cont();
    after = script.memsnap("take after");
  }
};

TEST_CASE("list names the snapshots, delete forgets one or all") {
  TwoRounds session;
  const Step list = session.script.memsnap("list");
  const Step list_json = session.script.memsnap("list --json");
  session.script.memsnap("delete before");
  const Step one_left = session.script.memsnap("list");
  session.script.memsnap("delete all");
  const Step none_left = session.script.memsnap("list");
  const Step third = session.script.memsnap("take");
  const Transcript said = session.script.play();

  CHECK(said.text(list) == said.text(session.before) + said.text(session.after));
  const nlohmann::json snapshots = said.json(list_json);
  REQUIRE(snapshots.size() == 2);
  CHECK(snapshots[0]["id"] == 1);
  CHECK(snapshots[0]["name"] == "before");
  CHECK(snapshots[0]["size"] == 72704);
  CHECK(snapshots[1]["count"] == 404);
  CHECK(snapshots[1]["frames"] == 10);
  CHECK(snapshots[1]["engine"] == engine_at_work());
  CHECK(said.text(one_left) == said.text(session.after));
  CHECK_FALSE(said[none_left].error);
  CHECK(said.text(none_left).find("Snapshot") == std::string::npos);
  CHECK(said.text(third).starts_with("Snapshot #3 '3': size="));
}

TEST_CASE("stats ranks what is live, by every key") {
  TwoRounds session;
  const Step lineno = session.script.memsnap("stats");
  const Step limited = session.script.memsnap("stats lineno after --limit 2");
  const Step filename = session.script.memsnap("stats filename");
  const Step function = session.script.memsnap("stats function --json");
  const Step module = session.script.memsnap("stats module --json");
  const Step domain = session.script.memsnap("stats domain --json");
  const Step thread = session.script.memsnap("stats thread --json");
  const Step traceback = session.script.memsnap("stats traceback --limit 1");
  const Step cumulative = session.script.memsnap("stats function --cumulative --limit 0 --json");
  const Step before = session.script.memsnap("stats lineno before --json");
  const Transcript said = session.script.play();

  // 72704 + 200 * 100 + 200 * 16 + 2 * 1024 + 2 * 24 bytes
  const std::string total = "Total: size=95.7 KiB, count=404\n";
  const std::string buffer =
      fmt::format("{}:{}: size=19.5 KiB, count=200, average=100 B\n", kWasteSource, waste_line("buffer"));
  CHECK(said.text(limited).starts_with("after, by lineno\n#1 "));
  CHECK(said.text(limited).find("\n#2 " + buffer + "... and 3 more rows\n" + total) != std::string::npos);
  CHECK(said.text(lineno).find(
            "\n#2 " + buffer +
            fmt::format("#3 {}:{}: size=3200 B, count=200, average=16 B\n", kWasteSource, waste_line("object")) +
            fmt::format("#4 {}:{}: size=2048 B, count=2, average=1024 B\n", kWasteSource, waste_line("vector")) +
            fmt::format("#5 {}:{}: size=48 B, count=1, average=48 B\n", kWasteSource, waste_line("rounds")) + total) !=
        std::string::npos);
  CHECK(said.text(filename).find(kWasteSource + ": size=24.7 KiB, count=403, average=63 B\n") != std::string::npos);
  CHECK(row_named(said.json(function), "MyObject::MyObject()")["size"] == 20000);
  CHECK(row_named(said.json(function), "get_data()")["count"] == 202);
  CHECK(row_named(said.json(module), "waste_memory")["count"] == 403);
  CHECK(row_named(said.json(domain), "new")["count"] == 403);
  CHECK(row_named(said.json(domain), "malloc")["size"] == 72704);
  REQUIRE(said.json(thread)["rows"].size() == 1);
  CHECK(said.json(thread)["rows"][0]["count"] == 404);
  CHECK(said.text(traceback).starts_with("after, by traceback\n#1 "));
  CHECK(row_named(said.json(cumulative), "main")["count"] == 403);
  CHECK(row_named(said.json(cumulative), "get_data()")["count"] == 402);
  CHECK(said.json(before)["total"]["count"] == 1);
  CHECK(said.json(before)["rows_total"] == 1);
}

TEST_CASE("diff compares the last two snapshots, the named ones, or now") {
  TwoRounds session;
  const Step last_two = session.script.memsnap("diff --json");
  const Step from_before = session.script.memsnap("diff lineno before");
  const Step backwards = session.script.memsnap("diff lineno after before --json");
  const Step with_now = session.script.memsnap("diff lineno after");
  const Step by_number = session.script.memsnap("diff 1 2");
  const Transcript said = session.script.play();

  const nlohmann::json diff = said.json(last_two);
  CHECK(diff["old"] == "before");
  CHECK(diff["new"] == "after");
  CHECK(diff["key"] == "lineno");
  CHECK(diff["cumulative"] == false);
  CHECK(diff["rows_total"] == 4);
  CHECK(diff["rows"][0]["rank"] == 1);
  CHECK(diff["rows"][0]["line"] == waste_line("buffer"));
  CHECK(diff["rows"][0]["file"] == target_source(kWasteSource));
  CHECK(diff["rows"][0]["size_diff"] == 20000);
  CHECK(diff["rows"][0]["count_diff"] == 200);
  CHECK(diff["rows"][0]["traceback"].is_null());
  CHECK(diff["total"]["size_diff"] == 25296);
  CHECK(said.text(from_before) == said.text(by_number));
  CHECK(said.text(from_before).starts_with("before -> after, by lineno\n"));
  CHECK(said.json(backwards)["rows"][0]["size_diff"] == -20000);
  CHECK(said.json(backwards)["rows"][0]["count"] == 0);
  CHECK(said.text(with_now) == "after -> now, by lineno\nTotal: size=95.7 KiB (+0 B), count=404 (+0)\n");
}

TEST_CASE("hide rules decide which frame is charged") {
  TwoRounds session;
  session.script.memsnap("hide add 'MyObject::*'");
  const Step hidden = session.script.memsnap("stats lineno --json");
  const Step list = session.script.memsnap("hide list");
  session.script.memsnap("hide delete 'MyObject::*'");
  const Step shown = session.script.memsnap("stats lineno --json");
  session.script.memsnap("hide delete '/usr/include/c++/*'");
  session.script.memsnap("hide delete '*/include/c++/*'");
  const Step without_default = session.script.memsnap("stats lineno --json");
  session.script.memsnap("hide reset");
  const Step reset = session.script.memsnap("stats lineno --json");
  const Transcript said = session.script.play();

  CHECK(charged(said.json(hidden), kWasteSource, "buffer") == std::nullopt);
  CHECK(charged(said.json(hidden), kWasteSource, "object") == Charged{.size = 23200, .count = 400});
  CHECK(said.text(list).find("MyObject::*") != std::string::npos);
  CHECK(charged(said.json(shown), kWasteSource, "buffer") == Charged{.size = 20000, .count = 200});
  CHECK(charged(said.json(without_default), kWasteSource, "vector") == std::nullopt);
  CHECK(said.json(reset) == said.json(shown));
}

TEST_CASE("filters leave out what does not match") {
  TwoRounds session;
  session.script.memsnap(fmt::format("filter include '*{}:{}'", kWasteSource, waste_line("object")));
  const Step one_line = session.script.memsnap("stats --json");
  const Step list = session.script.memsnap("filter list");
  session.script.memsnap("filter clear");
  session.script.memsnap("filter exclude '*waste_memory.cpp'");
  const Step excluded = session.script.memsnap("stats --json");
  session.script.memsnap("filter clear");
  session.script.memsnap(fmt::format("filter include '*{}:{}' --all-frames", kWasteSource, waste_line("object")));
  const Step all_frames = session.script.memsnap("stats --json");
  const Transcript said = session.script.play();

  CHECK(said.json(one_line)["total"]["count"] == 200);
  CHECK(said.text(list).find(fmt::format("include *{}:{}", kWasteSource, waste_line("object"))) != std::string::npos);
  CHECK(said.json(excluded)["total"]["count"] == 1);
  CHECK(said.json(all_frames)["total"]["count"] == 400);
}

TEST_CASE("status counts, clear forgets, reset-peak begins the peak anew, stop stops") {
  Script script("waste_memory");
  const Step off = script.memsnap("status --json");
  script.memsnap("start 10");
  const Step armed = script.memsnap("status --json");
  script.break_at("finished");
  script.run_with("1");
  const Step live = script.memsnap("status --json");
  const Step text = script.memsnap("status");
  const Step cleared = script.memsnap("clear");
  const Step after_clear = script.memsnap("status --json");
  const Step reset = script.memsnap("reset-peak");
  const Step after_reset = script.memsnap("status --json");
  const Step taken = script.memsnap("take");
  const Step stopped = script.memsnap("stop");
  const Step off_again = script.memsnap("status --json");
  const Step stays = script.memsnap("stats");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.json(off)["tracing"] == "no");
  CHECK(said.json(armed)["tracing"] == "armed");
  const nlohmann::json status = said.json(live);
  CHECK(status["tracing"] == "yes");
  CHECK(status["engine"] == engine_at_work());
  CHECK(status["frames"] == 10);
  // 100 objects with a buffer each, a vector that grew eight times, its holder, and libstdc++'s pool.
  CHECK(status["allocations"] == 210);
  CHECK(status["frees"] == 7);
  CHECK(status["count"] == 203);
  CHECK(status["size"] == 72704 + 10000 + 1600 + 1024 + 24);
  CHECK(status["allocated"] == 72704 + 10000 + 1600 + (1 + 2 + 4 + 8 + 16 + 32 + 64 + 128) * 8 + 24);
  CHECK(status["not_recorded"] == 0);
  CHECK(status["unknown_frees"] == 0);
  CHECK(status["domains"]["malloc"]["malloc"] == (engine_at_work() == "recorder" ? "hook" : "breakpoint"));
  CHECK(said.text(text).find("tracing: yes\n") != std::string::npos);
  CHECK(said.text(text).find("allocations: 210\n") != std::string::npos);
  CHECK(said[cleared] == Answer{.text = "memsnap: cleared\n"});
  CHECK(said.json(after_clear)["count"] == 0);
  CHECK(said.json(after_clear)["size"] == 0);
  CHECK_FALSE(said[reset].error);
  CHECK(said.json(after_reset)["peak"] == 0);
  CHECK(said.text(taken) == "Snapshot #1 '1': size=0 B, count=0\n");
  CHECK(said[stopped] == Answer{.text = "memsnap: stopped\n"});
  CHECK(said.json(off_again)["tracing"] == "no");
  CHECK(said.text(stays).starts_with("1, by lineno\n"));
  CHECK(said.exit_code() == 0);
}

TEST_CASE("snapshots print the same after the process has exited") {
  TwoRounds session;
  const Step stats = session.script.memsnap("stats lineno after");
  const Step diff = session.script.memsnap("diff traceback before after");
  session.script.cont();
  const Step stats_later = session.script.memsnap("stats lineno after");
  const Step diff_later = session.script.memsnap("diff traceback before after");
  const Step at_the_end = session.script.memsnap("take end --json");
  const Step status = session.script.memsnap("status --json");
  const Transcript said = session.script.play();

  CHECK(said.exit_code() == 0);
  CHECK(said[stats_later] == said[stats]);
  CHECK(said[diff_later] == said[diff]);
  CHECK(said.json(at_the_end)["count"] == 1);
  CHECK(said.json(status)["count"] == 1);
}

TEST_CASE("each run of a session is recorded from its start, and snapshots stay") {
  Script script("waste_memory");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run_with("1");
  const Step first = script.memsnap("take first --json");
  script.cont();
  script.run_with("2");
  const Step second = script.memsnap("take second --json");
  script.kill();
  script.run_with("1");
  const Step third = script.memsnap("take third --json");
  const Step diff = script.memsnap("diff lineno first third");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.json(first)["count"] == 203);
  CHECK(said.json(second)["count"] == 404);
  CHECK(said.json(third)["count"] == 203);
  CHECK(said.text(diff) == "first -> third, by lineno\nTotal: size=83.4 KiB (+0 B), count=203 (+0)\n");
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a run at the addresses of the last one is recorded from its start") {
  if (::personality(ADDR_NO_RANDOMIZE) == -1) {
    WARN("address randomisation cannot be switched off here");
    return;
  }
  Script script("waste_memory");
  script.add(host().same_addresses());
  script.memsnap("start 10");
  script.break_at("finished");
  std::vector<Step> takes;
  for (std::size_t i = 0; i < 2; ++i) {  // once with memsnap's commands between the runs, once without
    script.run_with("1");
    takes.push_back(script.memsnap("take --json"));
    script.cont();
    script.run_with("1");
    script.cont();
    takes.push_back(script.memsnap("status --json"));
  }
  const Transcript said = script.play();

  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(said.json(takes[2 * i])["count"] == 203);
    CHECK(said.json(takes[2 * i + 1])["allocations"] == 210);
    CHECK(said.json(takes[2 * i + 1])["tracing"] == "armed");
  }
}

TEST_CASE("a source that was moved is read where the debugger is told that it is") {
  Script script("no_source");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run();
  const Step missing = script.memsnap("stats traceback");
  script.add(host().map_source("/nonexistent", MEMSNAP_TARGET_SOURCES "/moved"));
  const Step found = script.memsnap("stats traceback");
  const Step again = script.memsnap("traceback 1");
  const Transcript said = script.play();

  CHECK(said.text(missing).find("void* block") == std::string::npos);
  CHECK(said.text(found).find("\n    void* block = malloc(5);\n") != std::string::npos);
  CHECK(said.text(again).find("\n    void* block = malloc(5);\n") != std::string::npos);
}

TEST_CASE("help says what there is") {
  Script script("");
  const Step overview = script.memsnap("help");
  const Step take = script.memsnap("help take");
  const Step debuggers_own = script.add("help memsnap take");
  const Transcript said = script.play();

  for (const std::string command : {"start", "stop", "status", "clear", "reset-peak", "take", "list", "delete", "stats",
                                    "diff", "traceback", "hide", "filter", "help"}) {
    CHECK(said.text(overview).find(command) != std::string::npos);
  }
  CHECK(said.text(take).find("memsnap take [NAME]") != std::string::npos);
  CHECK(said.text(debuggers_own).find("memsnap take [NAME]") != std::string::npos);
}

}  // namespace
}  // namespace memsnap::test
