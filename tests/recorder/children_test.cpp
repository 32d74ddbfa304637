// Processes that come of a recorded one, in all the ways there are.

#include "tests/catch.h"
#include "tests/recorder/program_books.h"

namespace memsnap::test {
namespace {

constexpr const char* kWays[] = {"fork", "vfork", "vfork-exec", "spawn"};

// Runs to where the program shows its books, and checks them.
void check_at_checkpoint(Recorded& recorded, const Base& base = {}) {
  const auto thread = recorded.run_to("checkpoint");
  check_books(recorded, recorded.argument(thread, 0), base);
}

TEST_CASE("a program that makes another process keeps its own books right", "[recorder]") {
  for (const auto* way : kWays) {
    INFO(way);
    Recorded recorded;
    recorded.launch("children", {way});
    check_at_checkpoint(recorded);
    check_at_checkpoint(recorded);
    recorded.run_to_end();
  }
}

void check_fork(const std::string& program) {
  Recorded parent;
  parent.launch(program, {"fork"});
  // A static program's C library allocates before.
  parent.run_to("main");
  const auto base = base_of(parent);
  check_at_checkpoint(parent, base);
  parent.debugger.set_children(Children::keep);
  const auto stop = parent.debugger.run_to({parent.debugger.find_function("checkpoint")});
  REQUIRE(stop.kind == Stop::Kind::forked);

  Recorded child;
  child.debugger.adopt(parent.debugger.take_child());
  child.record();
  CHECK(child.totals() == parent.totals());
  CHECK(child.blocks() == parent.blocks());
  check_at_checkpoint(child, base);
  check_at_checkpoint(parent, base);
  CHECK(child.blocks() != parent.blocks());
  child.run_to_end();
  parent.run_to_end();
}

TEST_CASE("after a fork parent and child each have their own books", "[recorder]") { check_fork("children"); }

TEST_CASE("after a fork of a static program parent and child each have their own books", "[recorder]") {
  check_fork("children_static");
}

TEST_CASE("the program that an exec brings is recorded from its first allocation on", "[recorder]") {
  Recorded recorded;
  recorded.launch("children", {"exec"});
  check_at_checkpoint(recorded);
  const auto before = recorded.engine().control();
  REQUIRE(recorded.debugger.run_to(std::vector<Address>()).kind == Stop::Kind::execed);
  check_at_checkpoint(recorded);
  CHECK(recorded.engine().control() != before);
  recorded.run_to_end();
}

}  // namespace
}  // namespace memsnap::test
