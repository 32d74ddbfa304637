// The recorder comes, goes, and stays behind.

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "plugin/local_process.h"
#include "tests/catch.h"
#include "tests/recorder/storm_books.h"

namespace memsnap::test {
namespace {

// Whatever becomes of the debuggers, the process is gone in the end.
class Guard {
 public:
  explicit Guard(pid_t pid) : pid_(pid) {}
  ~Guard() {
    if (pid_ != 0) {
      kill(pid_, SIGKILL);
      while (!wait_for(pid_).is_end()) {
      }
    }
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// It has ended by itself.
  void release() { pid_ = 0; }

 private:
  pid_t pid_;
};

// Code of the program and its libraries that is not as in their files; what is no file's is not looked at.
std::vector<std::string> changed_code(PtraceDebugger& debugger) {
  std::vector<std::string> changed;
  for (const auto& mapping : local_mappings(debugger.pid())) {
    if (!mapping.is_executable() || !mapping.path.starts_with('/')) {
      continue;
    }
    const auto size = static_cast<std::size_t>(mapping.range.end - mapping.range.begin);
    std::vector<char> in_memory(size);
    std::vector<char> in_file(size);
    std::ifstream file(mapping.path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(mapping.offset));
    file.read(in_file.data(), static_cast<std::streamsize>(size));
    const auto read = static_cast<std::size_t>(file.gcount());
    REQUIRE(debugger.memory().read(mapping.range.begin, std::as_writable_bytes(std::span(in_memory))) == size);
    for (std::size_t i = 0; i < read; ++i) {
      if (in_memory[i] != in_file[i]) {
        changed.push_back(fmt::format("{} + {:#x}", mapping.path, mapping.offset + i));
      }
    }
  }
  return changed;
}

// A storm that runs with no debugger and no recorder.
struct Storm {
  pid_t pid = 0;
  std::uint64_t address = 0;  // of what it writes down
};

Storm start_storm() {
  PtraceDebugger debugger;
  debugger.launch(recorded_program("storm"), {}, {});
  const auto stop = debugger.run_to({debugger.find_function("checkpoint")});
  REQUIRE(stop.kind == Stop::Kind::reached);
  const Storm storm{debugger.pid(), *debugger.read_register(stop.thread, Register::rdi)};
  debugger.detach();
  return storm;
}

TEST_CASE("what is mapped in the process has a name", "[recorder]") {
  Recorded recorded;
  recorded.launch("storm");
  recorded.run_to("checkpoint");
  const auto control = recorded.engine().control().value;
  const Address code{recorded.read<std::uint64_t>(control + offsetof(layout::Control, code_begin))};
  const auto mappings = local_mappings(recorded.debugger.pid());
  const auto found =
      std::ranges::find_if(mappings, [code](const Mapping& mapping) { return mapping.range.contains(code); });
  REQUIRE(found != mappings.end());
  CHECK(found->path == "/memfd:memsnap (deleted)");
}

OsThreadId some_worker(Recorded& recorded, std::size_t number) {
  const auto threads = recorded.debugger.threads();
  REQUIRE(threads.size() == kStormThreads + 1);
  return threads[1 + number % kStormThreads];
}

void run_a_while(Recorded& recorded, std::size_t number) {
  REQUIRE(recorded.debugger.run_beside(some_worker(recorded, number), 100 + number * 37 % 400));
}

// Until some thread has come to an allocation, which on a busy machine can take it long.
void run_to_allocation(Recorded& recorded, std::size_t number) {
  for (std::size_t tries = 0; tries < 500 && recorded.totals().allocations == 0; ++tries) {
    run_a_while(recorded, number + tries);
  }
  CHECK(recorded.totals().allocations > 0);
}

void stop(Recorded& recorded) {
  const auto stopped = recorded.session.stop();
  REQUIRE(stopped.has_value());
}

std::uint64_t mapped_bytes(PtraceDebugger& debugger) {
  std::uint64_t all = 0;
  for (const auto& range : mapped_ranges(debugger)) {
    all += range.end - range.begin;
  }
  return all;
}

TEST_CASE("start and stop again and again, by one debugger or many, take the memory of once", "[recorder]") {
  const auto storm = start_storm();
  const Guard guard(storm.pid);
  std::ptrdiff_t pieces_of_code = 0;
  for (std::size_t debugger = 0; debugger < 4; ++debugger) {
    INFO("debugger " << debugger);
    Recorded recorded;
    recorded.debugger.attach(storm.pid);
    recorded.record();
    const auto mapped = mapped_bytes(recorded.debugger);
    const auto pieces =
        std::ranges::count(local_mappings(storm.pid), std::string("/memfd:memsnap (deleted)"), &Mapping::path);
    pieces_of_code = debugger == 0 ? pieces : pieces_of_code;
    CHECK(pieces == pieces_of_code);
    for (std::size_t round = 0; round < 3; ++round) {
      stop(recorded);
      recorded.record();
      CHECK(mapped_bytes(recorded.debugger) <= mapped);
    }
    run_a_while(recorded, debugger);
    stop(recorded);
    recorded.debugger.detach();
  }
}

TEST_CASE("stop puts every byte of code back, and start begins again, while threads are inside a hook", "[recorder]") {
  Recorded recorded;
  recorded.launch("storm");
  const auto address = recorded.argument(recorded.run_to("checkpoint"), 0);
  CHECK(changed_code(recorded.debugger).size() > 20);
  for (std::size_t round = 0; round < 12; ++round) {
    INFO("round " << round);
    run_a_while(recorded, round);
    stop(recorded);
    CHECK(changed_code(recorded.debugger) == std::vector<std::string>());
    run_a_while(recorded, round + 1);
    recorded.record();
    CHECK(recorded.totals().count == 0);
    CHECK(recorded.totals().allocations == 0);
    StormBooks(recorded, address).check_part(recorded);
    run_a_while(recorded, round + 2);
    StormBooks(recorded, address).check_part(recorded);
    run_to_allocation(recorded, round);
    StormBooks(recorded, address).check_part(recorded);
  }
}

TEST_CASE("a process whose threads are allocating can be attached to, recorded and left as it was", "[recorder]") {
  for (std::size_t round = 0; round < 6; ++round) {
    INFO("process " << round);
    const auto storm = start_storm();
    const Guard guard(storm.pid);
    Recorded recorded;
    recorded.debugger.attach(storm.pid);
    run_a_while(recorded, round);
    recorded.record();
    CHECK(recorded.blocks().empty());
    for (std::size_t i = 0; i < 3; ++i) {
      run_a_while(recorded, round + i);
      StormBooks(recorded, storm.address).check_part(recorded);
    }
    run_to_allocation(recorded, round);
    stop(recorded);
    CHECK(changed_code(recorded.debugger) == std::vector<std::string>());
    run_a_while(recorded, round);
    recorded.debugger.detach();
  }
}

TEST_CASE("what a debugger left recording is found by the next one, with all its books", "[recorder]") {
  pid_t pid = 0;
  std::uint64_t address = 0;
  Base base;
  {
    Recorded first;
    first.launch("storm");
    address = first.argument(first.run_to("checkpoint"), 0);
    base = base_of(first);
    run_a_while(first, 1);
    StormBooks(first, address).check(first, base);
    pid = first.debugger.pid();
    first.debugger.detach();
  }
  const Guard guard(pid);
  for (std::size_t round = 0; round < 3; ++round) {
    INFO("debugger " << round + 2);
    Recorded next;
    next.debugger.attach(pid);
    next.record();
    StormBooks(next, address).check(next, base);
    run_a_while(next, round);
    StormBooks(next, address).check(next, base);
    next.debugger.detach();
  }
}

TEST_CASE("a process that was launched, left and attached to again keeps its books at its end", "[recorder]") {
  pid_t pid = 0;
  {
    Recorded first;
    first.launch("growing", {"once"});
    first.run_to("checkpoint");
    pid = first.debugger.pid();
    first.debugger.detach();
  }
  Guard guard(pid);
  Recorded next;
  next.debugger.attach(pid);
  next.record();
  const auto before = next.totals();
  REQUIRE(::kill(pid, SIGUSR1) == 0);
  next.run_to_end();
  guard.release();
  CHECK(next.totals().allocations == before.allocations + 200'000);
}

TEST_CASE("a debugger that is killed leaves a process behind that works and records", "[recorder]") {
  const auto storm = start_storm();
  const Guard guard(storm.pid);
  REQUIRE(record_by_killed_debugger(storm.pid));

  Recorded next;
  next.debugger.attach(storm.pid);
  next.record();
  StormBooks(next, storm.address).check_part(next);
  const auto before = next.totals();
  run_a_while(next, 5);
  StormBooks(next, storm.address).check_part(next);
  CHECK(next.totals().allocations > before.allocations);
  stop(next);
  // But for the killed debugger's own breakpoint in the dynamic loader.
  auto changed = changed_code(next.debugger);
  std::erase_if(changed, [](const std::string& place) { return place.find("/ld-") != std::string::npos; });
  CHECK(changed == std::vector<std::string>());
  next.debugger.detach();
}

}  // namespace
}  // namespace memsnap::test
