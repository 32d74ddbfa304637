// memsnap in a front-end: an editor's debug console, GDB's text user interface.

#include "tests/end_to_end/front_end.h"
#include "tests/catch.h"
#include "tests/end_to_end/pty.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {
namespace {

// At the first stop, and at the second.
struct Session {
  std::vector<std::string> before;
  std::vector<std::string> after;
};

Session session(const std::string& folder) {
  return {{"memsnap status --json", "memsnap take before", "memsnap list", "memsnap stats", "memsnap stats nokey"},
          {"memsnap take after",
           "memsnap diff",
           "memsnap diff function --json",
           "memsnap traceback",
           "memsnap stats traceback --limit 1",
           "memsnap hide add get_data",
           "memsnap hide list",
           "memsnap hide reset",
           "memsnap filter exclude waste_memory.cpp:26",
           "memsnap diff --limit 2",
           "memsnap filter clear",
           "memsnap check --max-growth 1MiB",
           "memsnap check --max-growth 2MiB",
           "memsnap limit 10MiB",
           "memsnap limit off",
           "memsnap save \"" + folder + "/after.pb.gz\"",
           "memsnap load \"" + folder + "/after.pb.gz\" loaded",
           "memsnap stats module loaded",
           "memsnap export \"" + folder + "/after.folded\"",
           "memsnap allocator list",
           "memsnap delete befor",
           "memsnap help diff",
           "memsnap reset-peak",
           "memsnap clear",
           "memsnap stop",
           "memsnap take"}};
}

const std::vector<std::string> kFunctions = {"run", "finished"};

std::vector<std::string> commands_before_run() { return {host().load_plugin(), "memsnap start 10"}; }

std::vector<Answer> in_front_end(const Session& session) {
  std::vector<Answer> answers;
  const auto front_end = host().front_end();
  front_end->launch(target("waste_memory"), commands_before_run(), kFunctions);
  for (const auto& command : session.before) {
    answers.push_back(front_end->console(command));
  }
  front_end->go_on();
  for (const auto& command : session.after) {
    answers.push_back(front_end->console(command));
  }
  const auto exit_code = front_end->close();
  remember_transcript(front_end->said());
  CHECK(exit_code == 0);
  return answers;
}

std::vector<Answer> at_prompt(const Session& session) {
  Script script("waste_memory");
  for (const auto& function : kFunctions) {
    script.break_at(function);
  }
  std::vector<Step> steps;
  script.memsnap("start 10");
  script.run();
  for (const auto& command : session.before) {
    steps.push_back(script.add(command));
  }
  script.cont();
  for (const auto& command : session.after) {
    steps.push_back(script.add(command));
  }
  const auto said = script.play();
  std::vector<Answer> answers;
  for (const auto step : steps) {
    answers.push_back(said[step]);
  }
  return answers;
}

// What differs from one process to the next.
std::string comparable(const Answer& answer) {
  auto text = normalised(answer.text);
  if (text.starts_with("{\"tracing\"")) {
    auto status = nlohmann::json::parse(text);
    status.erase("overhead_debugger");
    status.erase("overhead_process");
    text = status.dump();
  }
  return text.starts_with("memsnap: saved ") ? text.substr(0, text.find(',')) : text;
}

TEST_CASE("each command prints in a front-end's console what it prints at the prompt", "[front-end]") {
  const TemporaryFolder folder;
  const auto session = test::session(folder.path());
  const auto console = in_front_end(session);
  const auto prompt = at_prompt(session);
  auto commands = session.before;
  commands.insert(commands.end(), session.after.begin(), session.after.end());
  REQUIRE(console.size() == commands.size());
  REQUIRE(prompt.size() == commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    INFO(commands[i]);
    CHECK(comparable(console[i]) == comparable(prompt[i]));
    CHECK(console[i].error == prompt[i].error);
  }
}

TEST_CASE("limit stops in a front-end, and around runs on there", "[front-end]") {
  const auto front_end = host().front_end();
  front_end->launch(target("waste_memory"), commands_before_run(), {"run"});
  front_end->console("memsnap limit 200KiB");
  front_end->go_on();
  const auto passed = front_end->console("memsnap limit");
  const auto around = front_end->console("memsnap around finished");
  const auto size = front_end->console("memsnap take");
  const auto exit_code = front_end->close();
  remember_transcript(front_end->said());

  CHECK(passed.text == "memsnap: limit 200 KiB; traced size 200 KiB is past it\n");
  CHECK(
      around.text.ends_with("memsnap: finished entered\n"
                            "memsnap: finished returned\n"
                            "1 -> 2, by lineno\n"
                            "Total: size=1307 KiB (+0 B), count=20102 (+0)\n"));
  CHECK(size.text == "Snapshot #3 '3': size=1307 KiB, count=20102, average=67 B\n");
  CHECK(exit_code == 0);
}

TEST_CASE("a session is typed in the text user interface", "[gdb]") {
  auto command = host().interactive(target("waste_memory"));
  command.insert(command.begin(), {"env", "TERM=xterm"});
  command.insert(command.end(), {"-tui", "-iex", "set style enabled off"});  // colours come between words
  Pty terminal(command);
  const auto type = [&](const std::string& line, const std::string& wanted) {
    terminal.type(line + "\n");
    terminal.expect(wanted);
  };
  terminal.expect(host().prompt());
  type(host().load_plugin(), host().prompt());
  type("memsnap start 10", "memsnap: armed, 10 frames, engine auto");
  type(host().break_at("run"), "Breakpoint 1 at");
  type(host().break_at("finished"), "Breakpoint 2 at");
  type("run", "(rounds=100)");
  type("memsnap take before", "Snapshot #1 'before': size=71.0 KiB, count=1");
  type("memsnap diff nokey", "memsnap: 'nokey' is no key; keys are lineno");
  type("continue", "finished ()");
  type("memsnap take after", "Snapshot #2 'after': size=1307 KiB, count=20102");
  type("memsnap diff", "size=977 KiB (+977 KiB), count=10000 (+10000), average=100 B");
  terminal.expect("Total: size=1307 KiB (+1236 KiB), count=20102 (+20101)");
  type("kill", host().killed());
  terminal.type("quit\n");
  CHECK(terminal.close() == 0);
}

}  // namespace
}  // namespace memsnap::test
