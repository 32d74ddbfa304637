// What the recorder counts, against the books that the program keeps itself.

#include "tests/catch.h"
#include "tests/recorder/program_books.h"

namespace memsnap::test {
namespace {

void check_every_call(const std::string& program) {
  Recorded recorded;
  recorded.launch(program);
  recorded.run_to("checkpoint");
  const auto base = base_of(recorded);
  for (const auto* calls : {"C", "aligned", "C++"}) {
    INFO("after the " << calls << " calls");
    const auto thread = recorded.run_to("checkpoint");
    check_books(recorded, recorded.argument(thread, 0), base);
  }
  recorded.run_to_end();
}

TEST_CASE("every allocator call is counted as the program counts it", "[recorder]") { check_every_call("every_call"); }

TEST_CASE("every allocator call of an optimised program is counted as the program counts it", "[recorder]") {
  check_every_call("every_call_optimised");
}

}  // namespace
}  // namespace memsnap::test
