// `memsnap limit`: the program stops where what is live passes a size.

#include <fmt/format.h>

#include <string>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"

namespace memsnap::test {
namespace {

constexpr const char* kPassed = "memsnap: traced size 48.9 KiB passed the limit 48.8 KiB\n";

std::size_t times(const Transcript& said, const std::string& line) {
  const auto whole = said.whole();
  std::size_t count = 0;
  for (auto at = whole.find(line); at != std::string::npos; at = whole.find(line, at + line.size())) {
    ++count;
  }
  return count;
}

TEST_CASE("the program stops in the allocation that passes the limit, and once more after it was within it",
          "[engines]") {
  Script script("limited");
  script.break_at("finished");
  const Step set = script.memsnap("limit 50000");
  script.memsnap("start 10");
  script.run();
  const Step at_first = script.memsnap("stats");
  const Step which = script.add("print i");
  const Step shown = script.memsnap("limit");
  script.cont();
  const Step at_second = script.memsnap("stats");
  const Step length = script.add("print length");
  script.cont();
  const Step at_end = script.memsnap("status --json");
  const Step off = script.memsnap("limit off");
  const Step status = script.memsnap("limit");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.text(set) == "memsnap: limit 48.8 KiB\n");
  CHECK(times(said, kPassed) == 1);
  CHECK(said.text(at_first) == fmt::format("now, by lineno\n"
                                           "#1 limited.c:{}: size=48.9 KiB, count=501, average=100 B\n"
                                           "Total: size=48.9 KiB, count=501\n",
                                           line_of("limited.c", "grow")));
  CHECK(said.text(which).find(" 500\n") != std::string::npos);
  CHECK(said.text(shown) == "memsnap: limit 48.8 KiB; traced size 48.9 KiB is past it\n");
  CHECK(times(said, "memsnap: traced size 58.6 KiB passed the limit 48.8 KiB\n") == 1);
  CHECK(said.text(at_second) == fmt::format("now, by lineno\n"
                                            "#1 limited.c:{}: size=58.6 KiB, count=1, average=58.6 KiB\n"
                                            "Total: size=58.6 KiB, count=1\n",
                                            line_of("limited.c", "fill")));
  CHECK(said.text(length).find("60000\n") != std::string::npos);
  CHECK(said.json(at_end)["size"] == 60000);
  CHECK(said.text(off) == "memsnap: no limit\n");
  CHECK(said.text(status) == "memsnap: no limit\n");
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a limit can be set and taken away while the program is stopped", "[engines]") {
  Script script("limited");
  script.memsnap("start 10");
  script.break_at("change");
  script.run();
  const Step past = script.memsnap("limit 99k");
  const Step peak = script.memsnap("limit --peak");
  script.cont();
  const Step passed = script.memsnap("status --json");
  script.memsnap("limit off");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.text(past) == "memsnap: limit 99.0 KiB\n");
  CHECK(said.text(peak) == "memsnap: limit 97.7 KiB\n");
  CHECK(said.json(passed)["size"] == 100010);
  CHECK(said.json(passed)["peak"] == 100010);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a limit that is passed in a call that around follows stops there, and --continue goes on", "[engines]") {
  Script script("limited");
  script.break_at("main");
  script.memsnap("start 10");
  script.run();
  script.memsnap("limit 50000");
  const Step passed = script.memsnap("around fill");
  const Step first = script.memsnap("around --continue");
  const Step second = script.memsnap("around --continue");
  const Transcript said = script.play();

  // grow() passes it before fill() is entered.
  CHECK(said[passed].text.find(kPassed) != std::string::npos);
  CHECK(said.text(passed).ends_with("memsnap: stopped before fill was entered; 'memsnap around --continue' goes on\n"));
  CHECK(said[first].text.find("memsnap: fill entered\n") != std::string::npos);
  CHECK(said.text(first).ends_with("memsnap: stopped inside fill; 'memsnap around --continue' goes on\n"));
  // The user's frame is shown, which is not the innermost.
  CHECK(said[first].text.find("strdup(text);") != std::string::npos);
  CHECK(said.text(second).ends_with(
      fmt::format("#1 limited.c:{}: size=58.6 KiB (+58.6 KiB), count=1 (+1), average=58.6 KiB\n"
                  "Total: size=58.6 KiB (+58.6 KiB), count=1 (+1)\n",
                  line_of("limited.c", "fill"))));
}

TEST_CASE("the program stops in the allocation by which one call site passes its limit", "[engines]") {
  const auto line = line_of("limited_site.c", "blocks");
  const auto site = fmt::format("limited_site.c:{}", line);
  Script script("limited_site");
  script.break_at("finished");
  const Step set = script.memsnap("limit --site " + site + " 5000");
  script.memsnap("start");
  script.run();
  const Step first = script.memsnap("stats");
  const Step which = script.add("print i");
  const Step shown = script.memsnap("limit");
  script.cont();
  const Step again = script.memsnap("stats");
  script.cont();
  const Step third = script.memsnap("stats");
  const Step off = script.memsnap("limit --site " + site + " off");
  script.cont();
  script.cont();
  const Transcript said = script.play();

  const auto passed = fmt::format("memsnap: size 5100 B of {} passed the limit 5000 B\n", site);
  CHECK(said.text(set) == fmt::format("memsnap: limit 5000 B of {}\n", site));
  CHECK(times(said, passed) == 3);
  CHECK(said.text(first) == fmt::format("now, by lineno\n"
                                        "#1 limited_site.c:{}: size=48.8 KiB, count=50, average=1000 B\n"
                                        "#2 {}: size=5100 B, count=51, average=100 B\n"
                                        "Total: size=53.8 KiB, count=101\n",
                                        line + 1, site));
  CHECK(said.text(which).find(" 50\n") != std::string::npos);
  CHECK(said.text(shown) == fmt::format("memsnap: limit 5000 B of {}; size 5100 B is past it\n", site));
  CHECK(said.text(again).find(fmt::format("{}: size=5100 B, count=51, average=100 B\n", site)) != std::string::npos);
  CHECK(said.text(third).find(fmt::format("{}: size=5100 B, count=51, average=100 B\n", site)) != std::string::npos);
  CHECK(said.text(third).find(fmt::format("limited_site.c:{}: size=11.7 KiB, count=60, average=200 B\n",
                                          line_of("limited_site.c", "moved"))) != std::string::npos);
  CHECK(said.text(off) == "memsnap: no limit\n");
  CHECK(said.exit_code() == 0);
}

TEST_CASE("both limits, and what is charged to a call site by other rules", "[engines]") {
  const auto line = line_of("limited_site.c", "blocks");
  const auto site = fmt::format("limited_site.c:{}", line);
  Script script("limited_site");
  script.break_at("main");
  script.memsnap("start");
  script.run();
  script.memsnap("limit 20000");
  const Step both = script.memsnap("limit --site " + site + " 3000");
  script.cont();
  const Step first = script.memsnap("status --json");
  script.cont();
  const Step second = script.memsnap("status --json");
  script.memsnap("hide add fill");
  const Step hidden = script.memsnap("limit");
  script.break_at("finished");
  script.cont();
  const Step none = script.add("print 40 + 2");
  script.memsnap("hide reset");
  const Step shown = script.memsnap("limit");
  const Step off = script.memsnap("limit off");
  const Transcript said = script.play();

  CHECK(said.text(both) == fmt::format("memsnap: limit 19.5 KiB\nmemsnap: limit 3000 B of {}\n", site));
  CHECK(said.json(first)["size"] == 20900);  // 19 of each
  CHECK(said.json(second)["count"] == 61);
  CHECK(said.text(hidden) ==
        fmt::format("memsnap: limit 19.5 KiB; traced size 32.3 KiB is past it\nmemsnap: limit 3000 B of {}\n", site));
  CHECK(said.text(none).find("42\n") != std::string::npos);
  CHECK(said.text(shown).ends_with(fmt::format("memsnap: limit 3000 B of {}; size 5100 B is past it\n", site)));
  CHECK(said.text(off) == "memsnap: no limit\n");
  CHECK(times(said, "memsnap: traced size 20.4 KiB passed the limit 19.5 KiB\n") == 1);
  CHECK(times(said, fmt::format("memsnap: size 3100 B of {} passed the limit 3000 B\n", site)) == 1);  // hidden later
}

TEST_CASE("what is no limit is an error that says so") {
  Script script("limited");
  const Step word = script.memsnap("limit lots");
  const Step none = script.memsnap("limit 0");
  const Step both = script.memsnap("limit 1k --peak");
  const Step peak = script.memsnap("limit --peak");
  const Step site = script.memsnap("limit --site limited.c 1k");
  const Step no_size = script.memsnap("limit --site limited.c:8");
  const Step site_peak = script.memsnap("limit --site limited.c:8 --peak");
  const Step unchanged = script.memsnap("limit");
  const Transcript said = script.play();

  for (const Step step : {word, none, both, peak, site, no_size, site_peak}) {
    CHECK(said[step].error);
  }
  CHECK(said.text(word).starts_with("memsnap: 'lots' is no size; 10MiB is one; usage: memsnap limit "));
  CHECK(said.text(none).starts_with("memsnap: '0' is no size; 10MiB is one; usage: memsnap limit "));
  CHECK(said.text(both).starts_with("memsnap: --peak or a size, not both; usage: memsnap limit "));
  CHECK(said.text(peak) == "memsnap: no process; 'memsnap start' arms tracing for the next run\n");
  CHECK(said.text(site) == "memsnap: 'limited.c' is no call site; file.cpp:8 is one\n");
  CHECK(said.text(no_size).starts_with("memsnap: --site needs a size; usage: memsnap limit "));
  CHECK(said.text(site_peak).starts_with("memsnap: --site needs a size; usage: memsnap limit "));
  CHECK(said.text(unchanged) == "memsnap: no limit\n");
}

}  // namespace
}  // namespace memsnap::test
