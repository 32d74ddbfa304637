// At a terminal: typed commands, Ctrl-C.

#include "tests/catch.h"
#include "tests/end_to_end/pty.h"
#include "tests/end_to_end/script.h"

namespace memsnap::test {
namespace {

// A person at the debugger's prompt.
class Typist {
 public:
  explicit Typist(const std::string& program) : terminal_(host().interactive(target(program))) {
    terminal_.expect(host().prompt());
  }
  ~Typist() { remember_transcript(terminal_.seen()); }
  Typist(const Typist&) = delete;
  Typist& operator=(const Typist&) = delete;

  /// Types a line, and waits until it is answered by `wanted` and then by a prompt. A prompt alone says little: line
  /// editors repeat it while they show what is typed, and when something is printed from aside.
  void type(const std::string& line, const std::string& wanted) {
    terminal_.type(line + "\n");
    terminal_.expect(wanted);
    terminal_.expect(host().prompt());
  }
  /// Arms tracing with this run's engine.
  void start() {
    type("memsnap start 10" + (engine() == "auto" ? "" : " --engine " + engine()),
         "memsnap: armed, 10 frames, engine " + engine());
  }
  /// Fails where it is not this run's engine that records.
  void expect_engine() { type("memsnap status", "engine: " + engine_at_work()); }
  Pty& terminal() { return terminal_; }
  int quit() {
    terminal_.type("quit\n");
    return terminal_.close();
  }

 private:
  Pty terminal_;
};

TEST_CASE("a session is typed at a terminal") {
  Typist typist("waste_memory");
  typist.type(host().load_plugin(), "\n");
  typist.start();
  typist.type(host().break_at("run"), "Breakpoint ");
  typist.type(host().break_at("finished"), "Breakpoint ");
  typist.type("run 1", "deep_values;");
  typist.type("bt", "rounds=1) at");
  typist.expect_engine();
  typist.type("memsnap take before", "Snapshot #1 'before': size=71.0 KiB, count=1");
  typist.type("memsnap take one two", "memsnap: one word too many");
  typist.type("continue", "void finished() {}");
  typist.type("bt", "main");
  typist.type("memsnap take after", "Snapshot #2 'after'");
  typist.type("memsnap diff", "count=100 (+100), average=100 B");
  typist.type("memsnap traceback", "in MyObject::MyObject()");
  typist.type("kill", host().killed());
  CHECK(typist.quit() == 0);
}

TEST_CASE("Ctrl-C stops a traced program, and the session goes on") {
  Typist typist("attach");
  typist.type(host().load_plugin(), "\n");
  typist.start();
  for (const std::string number : {"1", "2"}) {  // runs
    typist.terminal().type("run\n");
    typist.terminal().expect("ready");
    typist.terminal().interrupt(host().prompt());
    typist.type("bt", "main");
    typist.expect_engine();
    typist.type("memsnap take", "Snapshot #" + number + " '" + number + "': size=700 B, count=10, average=70 B");
    typist.type("kill", host().killed());
  }
  typist.type("memsnap stats", "attach.c:");
  CHECK(typist.quit() == 0);
}

// LLDB's driver handles the key in its signal handler, and ends LLDB where a second one comes meanwhile.
TEST_CASE("Ctrl-C ends a command that looks at all blocks, which never answers from a part of them", "[gdb]") {
  Typist typist("many_blocks");
  typist.type(host().load_plugin(), "\n");
  typist.start();
  typist.type(host().break_at("finished"), "Breakpoint ");
  typist.type("run", "void finished(void) {}");
  for (int i = 0; i < 3; ++i) {
    typist.terminal().type("memsnap leaks\n");
    typist.terminal().expect("leaks");
    const auto answer = typist.terminal().interrupt(host().prompt());
    // Where the key came too late, or before the command had begun, that is right as well.
    const bool is_whole = answer.find("all 1500001 blocks can be reached") != std::string::npos;
    CHECK((is_whole || answer.find("can be reached") == std::string::npos));
  }
  typist.type("memsnap leaks", "memsnap: nothing is lost: all 1500001 blocks can be reached");
  typist.type("kill", host().killed());
  CHECK(typist.quit() == 0);
}

TEST_CASE("a call is gone around at a terminal, and Ctrl-C stops the program on its way") {
  Typist typist("attach");
  typist.type(host().load_plugin(), "\n");
  typist.start();
  typist.type(host().break_at("main"), "Breakpoint ");
  typist.type("run", "char order = 0;");
  // The stack is that of this stop, though the terminal may have a line that shows where the program stands.
  typist.type("memsnap around allocate", "memsnap: allocate returned");
  typist.type("bt", "main");
  typist.terminal().type("memsnap around give_back\n");
  typist.terminal().expect("ready");
  typist.terminal().interrupt("memsnap: stopped before give_back was entered; 'memsnap around --continue' goes on");
  typist.terminal().expect(host().prompt());
  typist.type("bt", "main");
  typist.type("memsnap take", "Snapshot #3 '3': size=");
  typist.type("kill", host().killed());
  typist.type("memsnap around --continue", "memsnap: no process; around give_back is over");
  CHECK(typist.quit() == 0);
}

}  // namespace
}  // namespace memsnap::test
