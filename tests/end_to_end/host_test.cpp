// That the tests' own hands work, before they are trusted with memsnap.

#include "tests/end_to_end/host.h"
#include "tests/catch.h"
#include "tests/end_to_end/attach_target.h"
#include "tests/end_to_end/pty.h"
#include "tests/end_to_end/text.h"

namespace memsnap::test {
namespace {

std::string played(const std::vector<Answer>& answers) {
  std::string all;
  for (const Answer& answer : answers) {
    all += answer.text;
  }
  return all;
}

TEST_CASE("the debugger plays every command and tells errors from answers") {
  const auto answers = host().play(target("waste_memory"), {host().break_at("finished"), "no-such-command",
                                                            host().run({.arguments = {"1"}}), "continue"});
  REQUIRE(answers.size() == 4);
  CHECK_FALSE(answers[0].error);
  CHECK(answers[0].text.starts_with("Breakpoint 1"));
  CHECK(answers[1].error);
  CHECK(answers[1].text.find("no-such-command") != std::string::npos);
  CHECK(answers[2].text.find("finished") != std::string::npos);
  CHECK(host().exit_code(played(answers)) == 0);
}

TEST_CASE("the debugger stops at a marked line") {
  const int line = line_of("waste_memory.cpp", "object");
  const auto answers = host().play(
      target("waste_memory"), {host().break_at("waste_memory.cpp", line), host().run({.arguments = {"1"}}), "kill"});
  CHECK(answers[1].text.find("waste_memory.cpp:" + std::to_string(line)) != std::string::npos);
  CHECK(host().exit_code(answers[0].text + answers[1].text) == -1);
}

TEST_CASE("a program that is attached to answers on its pipe") {
  AttachTarget program;
  const auto answers = host().play("", {host().attach(program.pid()), host().break_at("allocated"),
                                        program.send_from_debugger('a'), "continue", "detach"});
  CHECK(answers[3].text.find("allocated") != std::string::npos);
  CHECK(program.ask("f") == "af");
  CHECK(program.finish() == 0);
}

TEST_CASE("the debugger answers on a terminal and is interrupted by Ctrl-C") {
  Pty terminal(host().interactive(target("attach")));
  terminal.expect(host().prompt());
  terminal.type("run\n");
  terminal.expect("ready");
  terminal.interrupt(host().prompt());
  terminal.type("kill\n");
  terminal.expect(host().prompt());
  terminal.type("quit\n");
  CHECK(terminal.close() == 0);
}

}  // namespace
}  // namespace memsnap::test
