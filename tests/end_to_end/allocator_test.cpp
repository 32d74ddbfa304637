// Every way into the allocator, and every way out of it.

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"

namespace memsnap::test {
namespace {

TEST_CASE("every entry point is charged to its line, with its size and count") {
  const std::string source = "entry_points.cpp";
  Script script("entry_points");
  script.memsnap("start");
  script.break_at("main");
  script.break_at("kept");
  script.break_at("given_back");
  script.run();
  const Step at_main = script.memsnap("status --json");
  script.memsnap("take main");
  script.cont();
  const Step at_kept = script.memsnap("status --json");
  const Step kept = script.memsnap("stats lineno now --limit 0 --json");
  const Step domains = script.memsnap("diff domain main now --json");
  script.cont();
  const Step at_end = script.memsnap("status --json");
  const Step given_back = script.memsnap("diff lineno main now");
  script.cont();
  const Transcript said = script.play();

  const std::vector<std::pair<std::string, std::int64_t>> live = {{"malloc", 101},
                                                                  {"malloc zero", 0},
                                                                  {"calloc", 102},
                                                                  {"realloc of nothing", 103},
                                                                  {"realloc", 104},
                                                                  {"stays", 105},
                                                                  {"reallocarray", 108},
                                                                  {"memalign", 109},
                                                                  {"aligned_alloc", 128},
                                                                  {"posix_memalign", 111},
                                                                  {"valloc", 112},
                                                                  {"pvalloc", 113},
                                                                  {"new", 201},
                                                                  {"new[]", 202},
                                                                  {"new nothrow", 203},
                                                                  {"new[] nothrow", 204},
                                                                  {"new aligned", 256},
                                                                  {"new[] aligned", 320},
                                                                  {"new aligned nothrow", 384},
                                                                  {"new[] aligned nothrow", 448},
                                                                  {"new int", 4},
                                                                  {"new Wide", 256},
                                                                  {"new char[]", 205}};
  const nlohmann::json table = said.json(kept);
  std::int64_t size = 0;
  for (const auto& [site, bytes] : live) {
    INFO(site);
    CHECK(charged(table, source, site) == Charged{.size = bytes, .count = 1});
    size += bytes;
  }
  for (const std::string site : {"malloc fails", "calloc overflows", "realloc's old block", "realloc fails", "goes",
                                 "realloc to nothing", "reallocarray's old block", "posix_memalign fails"}) {
    INFO(site);
    CHECK(charged(table, source, site) == std::nullopt);
  }

  const auto between = [&](Step from, Step to, const char* field) {
    return said.json(to)[field].get<std::int64_t>() - said.json(from)[field].get<std::int64_t>();
  };
  const auto count = std::int64_t(live.size());
  CHECK(between(at_main, at_kept, "count") == count);
  CHECK(between(at_main, at_kept, "size") == size);
  CHECK(between(at_main, at_kept, "allocations") == count + 3);  // and the old blocks of three reallocs
  CHECK(between(at_main, at_kept, "frees") == 3);
  CHECK(between(at_main, at_kept, "allocated") == size + 10 + 11 + 12);
  CHECK(row_named(said.json(domains), "new")["count_diff"] == 11);
  CHECK(row_named(said.json(domains), "malloc")["count_diff"] == 12);
  CHECK(between(at_main, at_end, "count") == 0);
  CHECK(between(at_main, at_end, "size") == 0);
  CHECK(between(at_kept, at_end, "frees") == count);
  CHECK(said.json(at_end)["unknown_frees"] == 0);
  CHECK(said.json(at_end)["not_recorded"] == 0);
  CHECK(said.text(given_back).starts_with("main -> now, by lineno\nTotal: size="));
  CHECK(said.exit_code() == 0);
}

TEST_CASE("calls that an exception or a jump leaves do not disturb those after them") {
  const std::string source = "unwound.cpp";
  Script script("unwound");
  script.memsnap("start");
  script.break_at("finished");
  script.run();
  const Step stats = script.memsnap("stats --limit 0 --json");
  script.cont();
  const Step end = script.memsnap("status --json");
  const Transcript said = script.play();

  const nlohmann::json table = said.json(stats);
  CHECK(charged(table, source, "nothrow") == std::nullopt);
  CHECK(charged(table, source, "bad_alloc") == std::nullopt);
  CHECK(charged(table, source, "after bad_alloc") == Charged{.size = 702, .count = 1});
  CHECK(charged(table, source, "before throw") == Charged{.size = 701, .count = 1});
  CHECK(charged(table, source, "after throw") == Charged{.size = 703, .count = 1});
  CHECK(charged(table, source, "longjmp") == std::nullopt);
  CHECK(charged(table, source, "after longjmp") == Charged{.size = 704, .count = 1});
  CHECK(charged(table, source, "last") == Charged{.size = 705, .count = 1});
  CHECK(said.json(end)["count"] == 1);  // libstdc++'s pool
  CHECK(said.exit_code() == 0);
}

TEST_CASE("the user's own breakpoint in the allocator stops the program as ever") {
  Script script("frames");
  script.memsnap("start");
  script.break_at("plant");
  script.run();
  script.break_at("malloc");
  const Step stop = script.cont();
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();

  CHECK(said[stop].text.find("malloc") != std::string::npos);
  CHECK(said.json(status)["tracing"] == "yes");
}

}  // namespace
}  // namespace memsnap::test
