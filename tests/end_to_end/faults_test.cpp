// `memsnap faults`, and what is kept of freed blocks.

#include <fmt/format.h>

#include <string>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {
namespace {

int line_at(const std::string& site) { return line_of("faults.cpp", site); }

// A traceback's frame under a heading, in main's own file.
std::string frame(const std::string& site, const std::string& function, const std::string& source) {
  return fmt::format("    File \"/src/faults.cpp\", line {}, in {}\n      {}\n", line_at(site), function, source);
}

// The program is stopped at each abort: four times before it comes to `finished`.
constexpr int kAborts = 4;

std::string rows(const std::string& faults) {
  std::string text;
  for (std::size_t begin = 0; begin < faults.size();) {
    const auto end = faults.find('\n', begin) + 1;
    if (faults[begin] == '#') {
      text += faults.substr(begin, end - begin);
    }
    begin = end;
  }
  return text;
}

TEST_CASE("what the allocator was asked that makes no sense is told, the newest first") {
  Script script("faults");
  const Step start = script.memsnap("start 10 --history 100");
  script.break_at("before");
  script.break_at("finished");
  script.run();
  const Step none = script.memsnap("faults");
  const Step none_json = script.memsnap("faults --json");
  script.cont();
  const Step at_abort = script.memsnap("faults");
  for (int i = 0; i < kAborts; ++i) {
    script.cont();
  }
  const Step all = script.memsnap("faults --limit 0");
  const Step limited = script.memsnap("faults --limit 1");
  const Step json = script.memsnap("faults --json");
  const Step status = script.memsnap("status --json");
  script.cont();
  const Transcript said = script.play();

  CHECK(said[start].text.find(", history 100\n") != std::string::npos);
  CHECK(said[none].text == "memsnap: no faults\n");
  CHECK(said.json(none_json) == nlohmann::json({{"rows", nlohmann::json::array()}, {"rows_total", 0}, {"lost", 0}}));
  CHECK(said.whole().find("memsnap: a fault was recorded; 'memsnap faults' shows what the allocator was asked\n") !=
        std::string::npos);
  CHECK(said.whole().find("memsnap: 4 faults were recorded; 'memsnap faults' shows what the allocator was asked\n") !=
        std::string::npos);
  const auto first = said.text(at_abort);
  CHECK(first.starts_with(
      fmt::format("#1 double free of 0x... (100 B): faults.cpp:{}\n  freed again at:\n{}", line_at("again"),
                  frame("again", "(anonymous namespace)::free_again(void*)", "std::free(block);  // site: again"))));
  CHECK(first.find("  first freed at:\n" + frame("first", "(anonymous namespace)::free_first(void*)",
                                                 "std::free(block);  // site: first")) != std::string::npos);
  CHECK(first.find("  allocated at:\n" + frame("twice", "(anonymous namespace)::twice()",
                                               "void* block = std::malloc(100);  // site: twice")) !=
        std::string::npos);
  CHECK(rows(said.text(all)) ==
        fmt::format("#1 realloc of what new gave, 0x... (70 B): faults.cpp:{}\n"
                    "#2 delete of what malloc gave, 0x... (50 B), 3 times: faults.cpp:{}\n"
                    "#3 free of what new gave, 0x... (30 B): faults.cpp:{}\n"
                    "#4 free of what new gave, 0x... (4 B): faults.cpp:{}\n"
                    "#5 free of 0x..., in faults: faults.cpp:{}\n"
                    "#6 free of 0x..., on the stack: faults.cpp:{}\n"
                    "#7 free of an inner address 0x..., 40 B into a block of 200 B: faults.cpp:{}\n"
                    "#8 double free of 0x... (100 B): faults.cpp:{}\n",
                    line_at("new and realloc"), line_at("malloc and delete"), line_at("new[] and free"),
                    line_at("new and free"), line_at("global"), line_at("stack"), line_at("inner"), line_at("again")));
  CHECK(said[limited].text.ends_with("... and 7 more rows\n"));
  CHECK(rows(said.text(limited)).starts_with("#1 realloc"));
  const auto figures = said.json(status);
  CHECK(figures["faults"] == 10);
  CHECK(figures["history"] == 100);
  CHECK(figures["unknown_frees"] == 4);
  const auto table = said.json(json);
  REQUIRE(table["rows"].size() == 8);
  CHECK(table["rows_total"] == 8);
  const auto& twice = table["rows"][7];
  CHECK(twice["kind"] == "double free");
  CHECK(twice["address"] == twice["block"]["address"]);
  CHECK(twice["block"]["size"] == 100);
  CHECK(twice["freed"][0]["hidden"] == false);
  CHECK(twice["first_freed"][0]["line"] == line_at("first"));
  CHECK(twice["allocated"][0]["line"] == line_at("twice"));
  const auto& inner = table["rows"][6];
  CHECK(inner["address"].get<std::uint64_t>() == inner["block"]["address"].get<std::uint64_t>() + 40);
  CHECK(inner["first_freed"].is_null());
  CHECK(table["rows"][1]["given"] == "malloc");
  CHECK(table["rows"][1]["taken"] == "delete");
  CHECK(table["rows"][1]["times"] == 3);
  CHECK(table["rows"][4]["block"].is_null());
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a pointer into a freed block tells who freed it", "[engines]") {
  Script script("faults");
  script.memsnap("start 10 --history 100");
  script.break_at("finished");
  script.run();
  for (int i = 0; i < kAborts; ++i) {
    script.cont();
  }
  script.add("up");
  const Step freed = script.memsnap("block gone");
  const Step inside = script.memsnap("block (char*)gone + 40 --json");
  script.kill();
  const Transcript said = script.play();

  const auto text = said.text(freed);
  CHECK(text.starts_with("address: 0x...\nsize: 100 B\noffset: 0\nstate: freed\n"));
  const auto by =
      text.find(fmt::format("freed: thread 1 (faults)\n  File \"/src/faults.cpp\", line {}, in ", line_at("first")));
  const auto at = text.find(fmt::format("allocated:\n  File \"/src/faults.cpp\", line {}, in ", line_at("twice")));
  CHECK(by != std::string::npos);
  CHECK(at != std::string::npos);
  CHECK(by < at);
  const auto block = said.json(inside);
  CHECK(block["state"] == "freed");
  CHECK(block["offset"] == 40);
  CHECK(block["freed"].at(0)["line"] == line_at("first"));
  CHECK(block["allocated"].at(0)["line"] == line_at("twice"));
  CHECK(block["freed_thread"] == "thread 1 (faults)");
  CHECK(block["preview"].is_null());
}

TEST_CASE("without a history a double free is a free of no block, and all else is told") {
  Script script("faults");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run();
  for (int i = 0; i < kAborts; ++i) {
    script.cont();
  }
  const Step all = script.memsnap("faults --limit 0");
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();
  const auto lines = rows(said.text(all));
  CHECK(lines.ends_with(fmt::format("#8 free of 0x..., where no block is: faults.cpp:{}\n", line_at("again"))));
  CHECK(lines.find("#7 free of an inner address 0x..., 40 B into a block of 200 B: ") != std::string::npos);
  CHECK_FALSE(said.json(status).contains("history"));
}

TEST_CASE("a history has a size that it can have", "[engines]") {
  Script script("faults");
  const Step zero = script.memsnap("start --history 0");
  const Step large = script.memsnap("start --history 1000001");
  const Step early = script.memsnap("faults");
  const Step most = script.memsnap("start --history 1000000");
  const Transcript said = script.play();
  for (const auto& [step, word] : {std::pair(zero, "0"), std::pair(large, "1000001")}) {
    CHECK(said[step].error);
    CHECK(said[step].text ==
          fmt::format("memsnap: '{}' is no number of freed blocks; --history takes 1 to 1000000\n", word));
  }
  CHECK(said[early].error);
  CHECK(said[most].text == fmt::format("memsnap: armed, 32 frames, engine {}, history 1000000\n", engine()));
}

TEST_CASE("a core file has the faults of its process", "[engines]") {
  if (host().save_core("core").empty()) {
    WARN("this debugger writes no core files on Linux");
    return;
  }
  const TemporaryFolder folder;
  const std::string core = folder.path() / "core";
  std::string live;
  {
    Script script("faults");
    script.memsnap("start 10 --history 100");
    script.run();
    const Step at_abort = script.memsnap("faults --all");
    script.add(host().save_core(core));
    script.kill();
    live = script.play()[at_abort].text;
  }
  CHECK(live.starts_with("#1 double free of "));
  Script script("faults");
  script.add(host().open_core(target("faults"), core));
  const Step faults = script.memsnap("faults --all");
  CHECK(script.play()[faults].text == live);
}

}  // namespace
}  // namespace memsnap::test
