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

  /// What is shown from the typed line to the next prompt.
  std::string type(const std::string& line) {
    terminal_.type(line + "\n");
    // Line editors repeat the prompt while they show what is typed; the answer begins on the next line.
    terminal_.expect("\n");
    return terminal_.expect(host().prompt());
  }
  Pty& terminal() { return terminal_; }
  int quit() {
    terminal_.type("quit\n");
    return terminal_.close();
  }

 private:
  Pty terminal_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("a session is typed at a terminal") {
  Typist typist("waste_memory");
  typist.type(host().load_plugin());
  CHECK(contains(typist.type("memsnap start 10"), "memsnap: armed, 10 frames, engine auto"));
  typist.type(host().break_at("run"));
  typist.type(host().break_at("finished"));
  typist.type("run 1");
  CHECK(contains(typist.type("memsnap take before"), "Snapshot #1 'before': size=71.0 KiB, count=1"));
  CHECK(contains(typist.type("memsnap take befor oops"), "memsnap: "));
  typist.type("continue");
  CHECK(contains(typist.type("memsnap take after"), "Snapshot #2 'after'"));
  CHECK(contains(typist.type("memsnap diff"), "count=100 (+100), average=100 B"));
  CHECK(contains(typist.type("memsnap traceback"), "in MyObject::MyObject()"));
  typist.type("kill");
  CHECK(typist.quit() == 0);
}

TEST_CASE("Ctrl-C stops a traced program, and the session goes on") {
  Typist typist("attach");
  typist.type(host().load_plugin());
  typist.type("memsnap start 10");
  typist.terminal().type("run\n");
  typist.terminal().expect("ready");
  typist.terminal().type("\x03");
  typist.terminal().expect(host().prompt());
  CHECK(contains(typist.type("memsnap take"), "Snapshot #1 '1': size=700 B, count=10, average=70 B"));
  typist.type("kill");
  CHECK(contains(typist.type("memsnap stats"), "attach.c:"));
  CHECK(typist.quit() == 0);
}

}  // namespace
}  // namespace memsnap::test
