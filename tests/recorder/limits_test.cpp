// Programs that leave the recorder little of what it wants.

#include "tests/catch.h"
#include "tests/recorder/recorded.h"

namespace memsnap::test {
namespace {

constexpr std::uint64_t kBlocks = 200'000;
constexpr std::uint64_t kSize = 24;

std::uint64_t lost(Recorded& recorded, layout::Reason reason) {
  return recorded.books().not_recorded[static_cast<std::size_t>(reason)];
}

TEST_CASE("where the recorder gets no more memory the program goes on, and what is missing is counted", "[recorder]") {
  Recorded recorded;
  recorded.launch("limits", {"memory"});
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  recorded.run_to(checkpoint);
  const auto before = recorded.totals();
  CHECK(recorded.not_recorded() == 0);
  recorded.run_to(checkpoint);
  const auto full = recorded.totals();
  const auto not_recorded = lost(recorded, layout::Reason::no_memory);
  CHECK(not_recorded > 0);
  CHECK(recorded.not_recorded() == not_recorded);
  CHECK(full.count - before.count + not_recorded == kBlocks);
  CHECK(full.size - before.size == (full.count - before.count) * kSize);
  CHECK(recorded.blocks().size() == full.count);
  // The tables that there are get full.
  CHECK(full.count > before.count + 100);
  recorded.run_to(checkpoint);
  const auto after = recorded.totals();
  CHECK(after.count == before.count);
  CHECK(after.size == before.size);
  CHECK(after.unknown_frees == not_recorded);
  recorded.run_to_end();
}

TEST_CASE("a program that allows itself few system calls is recorded and lives", "[recorder]") {
  Recorded recorded;
  recorded.launch("limits", {"seccomp"});
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  recorded.run_to(checkpoint);
  const auto before = recorded.totals();
  recorded.run_to(checkpoint);
  const auto full = recorded.totals();
  CHECK(full.count == before.count + kBlocks);
  CHECK(full.size == before.size + kBlocks * kSize);
  recorded.run_to(checkpoint);
  CHECK(recorded.totals().count == before.count);
  CHECK(recorded.not_recorded() == 0);
  recorded.run_to_end();
}

}  // namespace
}  // namespace memsnap::test
