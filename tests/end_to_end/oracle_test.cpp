// Calls and bytes, counted by valgrind too. From start to exit they are equal; there is no difference to explain.

#include <cstdint>
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

// valgrind's own count: a realloc is one allocation and one free there as well.
Usage count_with_valgrind(const std::vector<std::string>& command, const std::string& input) {
  // Without the libc's own cleaning up at exit, which runs under valgrind alone.
  std::vector<std::string> words = {"sh", "-c", "exec valgrind --run-libc-freeres=no \"$@\" <\"$0\" 2>&1 >/dev/null",
                                    input};
  words.insert(words.end(), command.begin(), command.end());
  const Printed printed = run_program(words, true);
  static const std::regex line("total heap usage: ([0-9,]+) allocs, ([0-9,]+) frees, ([0-9,]+) bytes");
  std::smatch found;
  if (!std::regex_search(printed.output, found, line)) {
    throw std::runtime_error("valgrind did not count:\n" + printed.output);
  }
  const auto number = [&](std::size_t group) { return std::stoll(replace_all(found[group].str(), ",", "")); };
  return {.allocations = number(1), .frees = number(2), .allocated = number(3)};
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

TEST_CASE("a program of our own is counted as valgrind counts it", "[oracle]") {
  check_equal(count_with_memsnap("oracle", {}), count_with_valgrind({target("oracle")}, "/dev/null"));
}

TEST_CASE("sqlite3 is counted as valgrind counts it", "[oracle]") {
  const TemporaryFolder folder;
  const std::string queries = folder.path() / "queries.sql";
  std::ofstream(queries) << "create table t(a integer primary key, b text);\n"
                            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)\n"
                            "  insert into t select i, hex(i * i) from n;\n"
                            "select count(*), sum(length(b)) from t where b like '%3%' group by a % 7 order by 2;\n";
  check_equal(count_with_memsnap("/usr/bin/sqlite3", {.arguments = {"-batch", ":memory:"}, .input = queries}),
              count_with_valgrind({"/usr/bin/sqlite3", "-batch", ":memory:"}, queries));
}

}  // namespace
}  // namespace memsnap::test
