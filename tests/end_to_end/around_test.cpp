// `memsnap around FUNCTION`: what one call of a function changed, and what each of several does.

#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/script.h"

namespace memsnap::test {
namespace {

// What memsnap says in an answer, below what the debugger shows of a stop.
std::string ours(const std::string& text) {
  const std::size_t at = text.starts_with("memsnap: ") ? 0 : text.find("\nmemsnap: ") + 1;
  return text.substr(at == 0 && !text.starts_with("memsnap: ") ? text.size() : at);
}

// Line of tests/targets/around.cpp that is marked.
std::string at(const std::string& site) { return "around.cpp:" + std::to_string(line_of("around.cpp", site)); }

// One that stands at the beginning of tests/targets/around.cpp's main.
struct InMain {
  Script script{"around"};

  explicit InMain(const std::string& what) {
    script.memsnap("start 10");
    script.break_at("main");
    script.run_with(what);
    script.add(host().delete_breakpoints());
  }
};

// What one `around` says in a run of that program.
std::string around(const std::string& what, const std::string& words) {
  InMain in_main(what);
  const Step step = in_main.script.memsnap("around " + words);
  const Transcript said = in_main.script.play();
  CHECK_FALSE(said[step].error);
  return ours(said.text(step));
}

TEST_CASE("around a function says what this call of it changed, and stands behind it") {
  InMain in_main("work");
  auto& script = in_main.script;
  const Step step = script.memsnap("around work");
  const Step again = script.memsnap("around shapes::work");
  const Step where = script.add("bt");
  const Step list = script.memsnap("list");
  const Step row = script.memsnap("traceback");
  const Transcript said = script.play();

  CHECK(ours(said.text(step)) == "memsnap: work entered\nmemsnap: work returned\n1 -> 2, by lineno\n#1 " +
                                     at("overloaded") + ": size=97 B (+97 B), count=1 (+1), average=97 B\n" +
                                     "Total: size=71.1 KiB (+97 B), count=2 (+1)\n");
  CHECK(ours(said.text(again)) ==
        "memsnap: shapes::work entered\nmemsnap: shapes::work returned\n3 -> 4, by lineno\n#1 " + at("kept") +
            ": size=200 B (+200 B), count=1 (+1), average=200 B\n" + "Total: size=71.3 KiB (+200 B), count=3 (+1)\n");
  const std::string stack = said.text(where);
  CHECK(stack.find("main") != std::string::npos);
  CHECK(stack.find("work") == std::string::npos);
  CHECK(said.text(list).starts_with("Snapshot #1 '1': "));
  CHECK(said.text(row).starts_with("#1 " + at("kept") + ": "));
}

TEST_CASE("around takes a function by its overload or by a line, and a key, and prints JSON") {
  const std::string overload = around("work", "work(int)");
  CHECK(overload.find("#1 " + at("kept") + ": ") != std::string::npos);
  CHECK(overload.find(at("overloaded")) == std::string::npos);
  const std::string line = around("work", at("kept") + " function");
  CHECK(line.starts_with("memsnap: " + at("kept") + " entered\nmemsnap: " + at("kept") +
                         " returned\n1 -> 2, by function\n#1 shapes::work(int): size=200 B (+200 B), "));
  const std::string json = around("work", "work --json");
  const auto table = nlohmann::json::parse(json.substr(json.find('{')));
  CHECK(table["total"]["size_diff"] == 97);
  CHECK(table["old"] == "1");
  CHECK_FALSE(table.contains("calls"));
}

TEST_CASE("around follows the one call through those that it makes of itself") {
  const std::string text = around("recurse", "recurse");
  CHECK(text.find("#1 " + at("level") + ": size=400 B (+400 B), count=4 (+4), ") != std::string::npos);
  CHECK(text.find("#2 " + at("way back") + ": size=28 B (+28 B), count=4 (+4), ") != std::string::npos);
}

TEST_CASE("around is about the call by its frame, where deeper ones return to the same place") {
  InMain in_main("recurse");
  auto& script = in_main.script;
  script.break_at_site("around.cpp", "level");
  script.cont();
  script.add(host().delete_breakpoints());
  const Step step = script.memsnap("around recurse");
  const Transcript said = script.play();

  const std::string text = ours(said.text(step));
  CHECK(text.find("#1 " + at("level") + ": size=400 B (+300 B), count=4 (+3), ") != std::string::npos);
  CHECK(text.find("#2 " + at("way back") + ": size=21 B (+21 B), count=3 (+3), ") != std::string::npos);
}

TEST_CASE("around takes a function that was inlined, and ends where its code does") {
  CHECK(around("inlined", "inlined")
            .find("#1 " + at("inlined") +
                  ": size=300 B (+300 B), count=1 (+1), average=300 B\n"
                  "Total: size=71.3 KiB (+300 B)") != std::string::npos);
}

TEST_CASE("around takes a function of which an optimising compiler left pieces only") {
  Script script("inlined");
  script.memsnap("start 10");
  script.break_at("main");
  script.run();
  script.add(host().delete_breakpoints());
  const Step inlined = script.memsnap("around grow");
  const Step whole = script.memsnap("around host");
  const Transcript said = script.play();

  const auto row = [](const std::string& site) {
    return "inlined.cpp:" + std::to_string(line_of("inlined.cpp", site));
  };
  CHECK(ours(said.text(inlined)) == "memsnap: grow entered\nmemsnap: grow returned\n1 -> 2, by lineno\n#1 " +
                                        row("grown") + ": size=200 B (+200 B), count=2 (+2), average=100 B\n" +
                                        "Total: size=200 B (+200 B), count=2 (+2)\n");
  CHECK(ours(said.text(whole)).find("#1 " + row("behind") + ": size=10000 B (+5000 B), ") != std::string::npos);
}

TEST_CASE("around tells of a call that is left by an exception or a longjmp, up to there") {
  const std::string thrown = around("catches", "throws");
  CHECK(thrown.starts_with("memsnap: throws entered\nmemsnap: throws left by an exception\n1 -> 2, by lineno\n#1 " +
                           at("thrown") + ": size=400 B (+400 B)"));
  CHECK(thrown.find(at("after catch")) == std::string::npos);
  const std::string caught = around("catches_itself", "catches_itself");
  CHECK(caught.find("memsnap: catches_itself returned\n") != std::string::npos);
  CHECK(caught.find(at("caught") + ": size=500 B (+500 B)") != std::string::npos);
  const std::string jumped = around("jumps", "jumps");
  CHECK(jumped.starts_with("memsnap: jumps entered\nmemsnap: jumps left by a longjmp\n1 -> 2, by lineno\n#1 " +
                           at("jumped") + ": size=600 B (+600 B)"));
}

TEST_CASE("around tells of a call in which its thread or the process ends") {
  const std::string thread = around("thread", "ends_thread");
  CHECK(
      thread.starts_with("memsnap: ends_thread entered\nmemsnap: ends_thread did not return, its thread ends\n"
                         "1 -> 2, by lineno\n#1 " +
                         at("thread") + ": size=700 B (+700 B)"));
  InMain in_main("leaves");
  const Step step = in_main.script.memsnap("around leaves");
  const Transcript said = in_main.script.play();
  CHECK(ours(said.text(step))
            .starts_with("memsnap: leaves entered\nmemsnap: leaves did not return, the process has ended\n"
                         "1 -> 2, by lineno\n#1 " +
                         at("last") + ": size=1100 B (+1100 B)"));
}

TEST_CASE("around is about the thread that entered first") {
  const std::string text = around("together", "together");
  CHECK(text.starts_with("memsnap: together entered\nmemsnap: together returned\n1 -> 2, by lineno\n#1 " +
                         at("together") + ": size=1700 B (+1700 B), count=2 (+2), average=850 B\n#2 " + at("met") +
                         ": size=850 B (+850 B), "));
}

TEST_CASE("the user's breakpoints stop inside, and around --continue goes on") {
  Script script("around");
  script.memsnap("start 10");
  script.break_at("main");
  script.break_at("inside");
  script.run_with("recurse");
  const Step stopped = script.memsnap("around recurse");
  const Step where = script.add("bt");
  const Step ended = script.memsnap("around --continue");
  const Step over = script.memsnap("around --continue");
  const Transcript said = script.play();

  CHECK(ours(said.text(stopped)) ==
        "memsnap: recurse entered\nmemsnap: stopped inside recurse; 'memsnap around --continue' goes on\n");
  CHECK_FALSE(said[stopped].error);
  CHECK(said.text(where).find("inside") != std::string::npos);
  CHECK(ours(said.text(ended))
            .starts_with("memsnap: recurse returned\n1 -> 2, by lineno\n#1 " + at("level") +
                         ": size=400 B (+400 B), count=4 (+4), "));
  CHECK(said[over].error);
  CHECK(said.text(over) == "memsnap: there is nothing to go on with; 'memsnap around FUNCTION' begins\n");
}

TEST_CASE("a call in which the process becomes another program is told as such", "[engines]") {
  const bool stops_there = GENERATE(false, true);
  Script script("exec");
  if (stops_there) {
    script.add(host().stop_at_exec());
  }
  script.memsnap("start");
  script.break_at("main");
  script.run();
  const Step around = script.memsnap("around become");
  const Step over = script.memsnap("around --continue");
  const Transcript said = script.play();

  CHECK(
      said.text(around).ends_with("memsnap: become entered\n"
                                  "memsnap: become did not return, the process runs another program now\n"));
  CHECK(said[over].error);
}

TEST_CASE("a call that ends while the user runs the program by themselves is not lost") {
  Script script("around");
  script.memsnap("start 10");
  script.break_at("main");
  script.break_at("inside");
  script.run_with("recurse");
  script.memsnap("around recurse");
  const Step ran = script.cont();
  const Step ended = script.memsnap("around --continue");
  const Transcript said = script.play();

  CHECK(said.text(ran).find("memsnap: the call has ended; 'memsnap around --continue' tells what it changed\n") !=
        std::string::npos);
  CHECK(ours(said.text(ended)).starts_with("memsnap: recurse returned\n1 -> 2, by lineno\n#1 " + at("level")));
}

TEST_CASE("what was stopped before the function goes on, is replaced, or is over with its process") {
  Script script("around");
  script.memsnap("start 10");
  script.break_at("main");
  script.break_at("around_inlined");
  script.run_with("inlined");
  const Step before = script.memsnap("around inside");
  const Step other = script.memsnap("around inlined");
  script.memsnap("around leaves");
  const Step stop = script.memsnap("stop");
  const Step nothing = script.memsnap("around --continue");
  const Transcript said = script.play();

  CHECK(ours(said.text(before)) == "memsnap: stopped before inside was entered; 'memsnap around --continue' goes on\n");
  CHECK(ours(said.text(other)).starts_with("memsnap: around inside is given up\nmemsnap: inlined entered\n"));
  CHECK_FALSE(said[stop].error);
  CHECK(said[nothing].error);
}

TEST_CASE("around --repeat tells what each call leaves behind, and check takes it from there") {
  InMain in_main("answer");
  auto& script = in_main.script;
  const Step step = script.memsnap("around answer --repeat 8");
  const Step check = script.memsnap("check --max-growth 100");
  const Step json = script.memsnap("around answer --repeat 1");
  const Transcript said = script.play();

  CHECK(ours(said.text(step)) ==
        "memsnap: 8 calls of answer after one to warm up\n1 -> 2, by lineno, 8 calls\n#1 " + at("table") +
            ": size=128 B (+128 B), count=2 (+2), average=64 B, +16 B (+0.25) a call, grew in 2 of 8\n#2 " +
            at("leak") + ": size=90 B (+80 B), count=9 (+8), average=10 B, +10 B (+1) a call, grew in 8 of 8\n" +
            "Total: size=72.2 KiB (+208 B), count=13 (+10), +26 B (+1.25) a call\n");
  CHECK(said[check].error);
  CHECK(said.text(check).starts_with("memsnap: check failed: 1 -> 2, +208 B, +10 blocks; allowed: +100 B\n#1 " +
                                     at("table")));
  CHECK(said[json].error);
  CHECK(ours(said.text(json)) == "memsnap: the process ended before answer had been called twice\n");
}

TEST_CASE("around --repeat tells of the calls that there were where the process ends before") {
  InMain in_main("answer");
  auto& script = in_main.script;
  const Step step = script.memsnap("around answer --repeat 100 --limit 1");
  const Step check = script.memsnap("check --max-growth 1k");
  const Transcript said = script.play();

  CHECK(ours(said.text(step))
            .starts_with("memsnap: 8 of 100 calls of answer after one to warm up\n1 -> 2, by lineno, 8 calls\n"));
  CHECK(said.text(check) == "memsnap: check passed: 1 -> 2, +208 B, +10 blocks; allowed: +1024 B\n");
}

TEST_CASE("around without what it needs is an error that says so, and nothing changes") {
  Script script("around");
  const Step untraced = script.memsnap("around work");
  script.memsnap("start 10");
  const Step armed = script.memsnap("around work");
  script.break_at("main");
  script.run_with("work");
  const Step unknown = script.memsnap("around nothing_like_it");
  const Step no_line = script.memsnap("around nothing.cpp:12");
  const Step none = script.memsnap("around");
  const Step key = script.memsnap("around work lineo");
  const Step type = script.memsnap("around work type --cumulative");
  const Step zero = script.memsnap("around work --repeat 0");
  const Step both = script.memsnap("around work --continue");
  const Step list = script.memsnap("list");
  const Step missed = script.memsnap("around leaves");
  const Step over = script.memsnap("around work");
  const Transcript said = script.play();

  for (const Step step : {untraced, armed, unknown, no_line, none, key, type, zero, both, missed, over}) {
    CHECK(said[step].error);
  }
  CHECK(said.text(untraced) == "memsnap: no process; 'memsnap start' arms tracing for the next run\n");
  CHECK(said.text(armed) == "memsnap: no process; tracing is armed and begins with the next run\n");
  CHECK(said.text(unknown) ==
        "memsnap: no function or line 'nothing_like_it' in the process; FUNCTION is a name, or file.cpp:LINE\n");
  CHECK(said.text(no_line).starts_with("memsnap: no function or line 'nothing.cpp:12' in the process; "));
  CHECK(said.text(none).starts_with("memsnap: which function?; usage: memsnap around FUNCTION [KEY] "));
  CHECK(said.text(key).starts_with("memsnap: 'lineo' is no key; keys are "));
  CHECK(said.text(zero).starts_with("memsnap: --repeat wants 1 call or more; usage: "));
  CHECK(said.text(both).starts_with("memsnap: --continue goes with nothing else; usage: "));
  CHECK(said.text(list) == "memsnap: no snapshots; 'memsnap take' takes one\n");
  CHECK(ours(said.text(missed)) == "memsnap: the process ended, and leaves was not entered\n");
  CHECK(said.text(over) == "memsnap: no process; run the program first, up to where 'memsnap around' is to begin\n");
}

}  // namespace
}  // namespace memsnap::test
