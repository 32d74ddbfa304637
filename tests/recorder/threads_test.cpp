// Threads that come and go.

#include <algorithm>

#include "tests/catch.h"
#include "tests/recorder/recorded.h"

namespace memsnap::test {
namespace {

constexpr std::uint64_t kThreads = 2000;
constexpr std::uint64_t kBlocks = 20;

// How many bytes are live from the threads of each name.
std::map<std::string, std::uint64_t> live_by_thread(Recorded& recorded) {
  const auto now = recorded.engine().now();
  REQUIRE(now.has_value());
  std::map<std::string, std::uint64_t> live;
  for (const auto& count : now->counts) {
    const auto name = static_cast<std::size_t>(count.origin.thread);
    live[recorded.session.recording().threads.names().at(name)] += count.size;
  }
  return live;
}

void check_threads(const std::string& program, const std::string& who_frees) {
  Recorded recorded;
  recorded.launch(program, {who_frees});
  const auto in_thread = recorded.debugger.find_function("in_thread");
  const auto checkpoint = recorded.debugger.find_function("checkpoint");
  std::uint64_t mapped = 0;
  std::uint64_t count = 0;
  for (std::uint64_t threads = 100; threads <= kThreads; threads += 100) {
    INFO("after " << threads << " threads");
    auto thread = recorded.run_to(in_thread);
    const auto name = recorded.read_text(recorded.argument(thread, 0));
    const auto label = to_string(recorded.debugger.thread_label(thread));
    CHECK(label.find(name) != std::string::npos);
    CHECK(live_by_thread(recorded)[label] == kBlocks * 100);

    thread = recorded.run_to(checkpoint);
    const auto totals = recorded.totals();
    if (threads == 100) {
      mapped = recorded.books().mapped;
      count = totals.count;
    }
    // What one thread took is there for the next.
    CHECK(recorded.books().mapped == mapped);
    CHECK(totals.count == count);
    CHECK(totals.allocations >= threads * kBlocks);
    CHECK(totals.unknown_frees == 0);
    CHECK(totals.missed_frees == 0);
    CHECK(live_by_thread(recorded).contains(label) == false);
  }
  CHECK(recorded.not_recorded() == 0);
  recorded.run_to_end();
}

TEST_CASE("two thousand threads, one after the other, take the memory of one", "[recorder]") {
  check_threads("threads_in_row", "own");
}

TEST_CASE("two thousand threads whose last block another thread frees take the memory of one", "[recorder]") {
  check_threads("threads_in_row", "other");
}

TEST_CASE("two thousand threads of a static program take the memory of one", "[recorder]") {
  check_threads("threads_in_row_static", "own");
}

TEST_CASE("the peak counts threads that came after it was looked at last", "[recorder]") {
  Recorded recorded;
  recorded.launch("late_threads");
  const auto thread = recorded.run_to("checkpoint");
  const auto peak = recorded.argument(thread, 0);
  CHECK(recorded.totals().peak >= peak);
  CHECK(recorded.totals().peak < peak + 10000);  // what the C library has for its threads
  recorded.run_to_end();
}

}  // namespace
}  // namespace memsnap::test
