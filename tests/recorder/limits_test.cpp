// Programs that leave the recorder little of what it wants.

#include <cstddef>
#include <utility>

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
  // The tables that there are get full; how many there are is a matter of where the first blocks came to lie.
  CHECK(full.count > before.count);
  recorded.run_to(checkpoint);
  const auto after = recorded.totals();
  CHECK(after.count == before.count);
  CHECK(after.size == before.size);
  CHECK(after.unknown_frees == not_recorded);
  recorded.run_to_end();
}

TEST_CASE("where there is no room for the recorder the process is left as it was", "[recorder]") {
  // For a page, for the code as well, for some of the data.
  for (const auto* left : {"0", "4096", "0x20000", "0x80000", "0xd0000"}) {
    INFO(left);
    Recorded recorded;
    recorded.debugger.launch(recorded_program("limits"), {"memory", left}, {});
    const auto checkpoint = recorded.debugger.find_function("checkpoint");
    recorded.run_to(checkpoint);
    const auto before = recorded.debugger.regions();
    const auto started = recorded.session.start({.frames = 32, .engine = "recorder"});
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().message.find("Cannot allocate memory") != std::string::npos);
    CHECK(recorded.debugger.regions() == before);
    recorded.run_to(checkpoint);
    recorded.run_to(checkpoint);
    recorded.run_to_end();
  }
}

TEST_CASE("a program that allows itself few system calls is recorded and lives", "[recorder]") {
  using layout::Denied;
  const auto bits = [](const std::vector<Denied>& calls) {
    std::uint32_t all = 0;
    for (const auto call : calls) {
      all |= 1U << static_cast<unsigned>(call);
    }
    return all;
  };
  const auto some = bits({Denied::getpid, Denied::gettid, Denied::arch_prctl});
  const auto files = bits({Denied::open, Denied::close});
  const auto read = bits({Denied::read});
  const auto all = some | files | read | bits({Denied::mmap, Denied::munmap, Denied::futex});
  const std::vector<std::pair<std::string, std::uint32_t>> filters = {{"seccomp", some | files},
                                                                      {"roundabout", some | files | read},
                                                                      {"fewer", all},
                                                                      {"syscall", all},
                                                                      {"endless", all},
                                                                      {"strict", all}};
  for (const auto& [filter, denied] : filters) {
    INFO(filter);
    Recorded recorded;
    recorded.launch("limits", {filter});
    const auto checkpoint = recorded.debugger.find_function("checkpoint");
    recorded.run_to(checkpoint);
    const auto before = recorded.totals();
    const auto control = recorded.engine().control().value;
    CHECK(recorded.read<std::uint32_t>(control + offsetof(layout::Control, denied)) == denied);
    recorded.run_to(checkpoint);
    const auto full = recorded.totals();
    CHECK(full.count == before.count + kBlocks);
    CHECK(full.size == before.size + kBlocks * kSize);
    // Each depth of the stack is a traceback of its own, whole or as long as was asked for.
    const auto now = recorded.engine().now();
    REQUIRE(now.has_value());
    for (const auto& count : now->counts) {
      CHECK(recorded.session.recording().tracebacks.get(count.origin.traceback).end != TracebackEnd::no_unwind_info);
    }
    recorded.run_to(checkpoint);
    CHECK(recorded.totals().count == before.count);
    CHECK(recorded.not_recorded() == 0);
    recorded.run_to_end();
  }
}

TEST_CASE("what forbids itself system calls before the recorder comes is left alone", "[recorder]") {
  Recorded recorded;
  recorded.debugger.launch(recorded_program("limits"), {"fewer"}, {});
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  recorded.run_to(checkpoint);
  const auto started = recorded.session.start({.frames = 32, .engine = "recorder"});
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().message.find("seccomp") != std::string::npos);
  recorded.run_to(checkpoint);
  recorded.run_to(checkpoint);
  recorded.run_to_end();
}

}  // namespace
}  // namespace memsnap::test
