// Calls and bytes, counted by valgrind and by heaptrack too. From start to exit they are equal: with valgrind there is
// no difference to explain, and with heaptrack one, what its library allocates itself.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {
namespace {

/// What a program asked of its allocator from its start to its exit.
struct Usage {
  std::int64_t allocations = 0;
  std::int64_t frees = 0;
  std::int64_t allocated = 0;
};

// Runs `words`, and after them a command that reads `input`, and returns all that they print but the command's output.
std::string run_with(const std::string& words, const std::vector<std::string>& command, const std::string& input) {
  std::vector<std::string> all = {"sh", "-c", "exec " + words + " \"$@\" <\"$0\" 2>&1 >/dev/null", input};
  all.insert(all.end(), command.begin(), command.end());
  return run_program(all, true).output;
}

std::vector<std::int64_t> numbers(const std::string& text, const std::string& pattern) {
  std::smatch found;
  if (!std::regex_search(text, found, std::regex(pattern))) {
    throw std::runtime_error("no count in:\n" + text);
  }
  std::vector<std::int64_t> result;
  for (std::size_t group = 1; group < found.size(); ++group) {
    result.push_back(std::stoll(replace_all(found[group].str(), ",", "")));
  }
  return result;
}

// valgrind's own count: a realloc is one allocation and one free there as well.
Usage count_with_valgrind(const std::vector<std::string>& command, const std::string& input) {
  // Without the libc's own cleaning up at exit, which runs under valgrind alone.
  const auto printed = run_with("valgrind --run-libc-freeres=no --run-cxx-freeres=no", command, input);
  const auto counted = numbers(printed, "total heap usage: ([0-9,]+) allocs, ([0-9,]+) frees, ([0-9,]+) bytes");
  return {.allocations = counted[0], .frees = counted[1], .allocated = counted[2]};
}

// heaptrack counts the same; its histogram has the sizes of all that was ever allocated.
Usage count_with_heaptrack(const std::vector<std::string>& command, const std::string& input) {
  const TemporaryFolder folder;
  const std::string trace = folder.path() / "trace";
  const auto leaked =
      numbers(run_with("heaptrack -o '" + trace + "'", command, input), "leaked allocations:\\s+([0-9]+)");
  std::string packed;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    packed = entry.path();
  }
  const std::string histogram = folder.path() / "sizes";
  run_program({"heaptrack_print", "-f", packed, "-H", histogram, "-p0", "-a0", "-T0"});
  Usage usage;
  std::ifstream lines(histogram);
  for (std::int64_t size = 0, count = 0; lines >> size >> count;) {
    usage.allocations += count;
    usage.allocated += size * count;
  }
  usage.frees = usage.allocations - leaked[0];
  return usage;
}

Usage operator-(const Usage& left, const Usage& right) {
  return {.allocations = left.allocations - right.allocations,
          .frees = left.frees - right.frees,
          .allocated = left.allocated - right.allocated};
}

// What heaptrack's library, and the C++ library that it brings, allocate in any program: the memory that an exception
// gets when there is no other.
const Usage& heaptracks_own() {
  static const Usage own =
      count_with_heaptrack({"/bin/true"}, "/dev/null") - count_with_valgrind({"/bin/true"}, "/dev/null");
  return own;
}

Usage count_with_memsnap(const std::string& program, const Launch& launch) {
  Script script(program);
  script.memsnap("start 4");
  script.run(launch);
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();
  REQUIRE(said.exit_code() == 0);
  const nlohmann::json counted = said.json(status);
  CHECK(counted["not_recorded"] == 0);
  CHECK(counted["unknown_frees"] == 0);
  return {.allocations = counted["allocations"], .frees = counted["frees"], .allocated = counted["allocated"]};
}

void check_equal(const Usage& counted, const Usage& expected) {
  CHECK(counted.allocations == expected.allocations);
  CHECK(counted.frees == expected.frees);
  CHECK(counted.allocated == expected.allocated);
}

void check_against_others(const std::vector<std::string>& command, const std::string& input = "/dev/null") {
  INFO(command.front());
  const auto counted =
      count_with_memsnap(command.front(), {.arguments = {command.begin() + 1, command.end()}, .input = input});
  CHECK(counted.allocations > 20);
  check_equal(counted, count_with_valgrind(command, input));
  check_equal(counted, count_with_heaptrack(command, input) - heaptracks_own());
}

// heaptrack does not see all of its calls: there are no hooks of its for memalign, pvalloc and reallocarray.
TEST_CASE("a program that calls every entry point is counted as valgrind counts it", "[oracle]") {
  check_equal(count_with_memsnap("oracle", {}), count_with_valgrind({target("oracle")}, "/dev/null"));
}

TEST_CASE("sqlite3 is counted as valgrind and heaptrack count it", "[oracle]") {
  const TemporaryFolder folder;
  const std::string queries = folder.path() / "queries.sql";
  std::ofstream(queries) << "create table t(a integer primary key, b text);\n"
                            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)\n"
                            "  insert into t select i, hex(i * i) from n;\n"
                            "select count(*), sum(length(b)) from t where b like '%3%' group by a % 7 order by 2;\n";
  check_against_others({"/usr/bin/sqlite3", "-batch", ":memory:"}, queries);
}

TEST_CASE("tar and ls are counted as valgrind and heaptrack count them", "[oracle]") {
  const TemporaryFolder folder;
  for (int i = 0; i < 60; ++i) {
    std::ofstream(folder.path() / ("file " + std::to_string(i))) << std::string(static_cast<std::size_t>(i), 'x');
  }
  check_against_others({"/bin/tar", "-cf", "/dev/null", folder.path()});
  check_against_others({"/bin/ls", "-lR", folder.path()});
}

}  // namespace
}  // namespace memsnap::test
