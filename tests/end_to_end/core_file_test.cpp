// Core files: what was live in a process that is no more.

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/attach_target.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/tables.h"

namespace memsnap::test {
namespace {

const std::string kNotRecorded = "the process of this core file was not being recorded";
const std::string kNotTraced = "a core file cannot be traced; 'memsnap stats' shows what was live in it";

// Has GDB write a core file, whatever debugger the test is for: all of them read it.
void save_with_gdb(pid_t pid, const std::string& file) {
  const auto printed = run_program({"gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p",
                                    std::to_string(pid), "-ex", "generate-core-file " + file},
                                   true);
  INFO(printed.output);
  REQUIRE(std::filesystem::exists(file));
}

// All that tells of what is live, but for what only a process has: the names of its threads.
struct Told {
  explicit Told(Script& script) {
    for (const std::string words : {"stats lineno now --limit 0", "stats function now --limit 0", "stats module now",
                                    "stats domain now", "stats traceback now --limit 0 --all",
                                    "stats lineno now --cumulative --limit 0 --json", "traceback 1 --all"}) {
      tables.push_back(script.memsnap(words));
    }
    status = script.memsnap("status --json");
  }

  std::vector<std::string> texts(const Transcript& said) const {
    std::vector<std::string> all;
    for (const Step step : tables) {
      CHECK_FALSE(said[step].error);
      all.push_back(said[step].text);
    }
    auto figures = said.json(status);
    figures.erase("tracing");
    figures.erase("overhead_debugger");
    all.push_back(figures.dump());
    return all;
  }

  std::vector<Step> tables;
  Step status{};
};

std::vector<std::string> told_by(const std::string& program, const std::string& core) {
  Script script(program);
  script.add(host().open_core(program, core));
  const Told told(script);
  const Transcript said = script.play();
  CHECK(said.json(told.status)["tracing"] == "no");
  return told.texts(said);
}

TEST_CASE("a core file of a process that an earlier debugger left recording prints what the process had", "[engines]") {
  const TemporaryFolder folder;
  const std::string own = folder.path() / "own";
  const std::string of_gdb = folder.path() / "of-gdb";
  AttachTarget program;
  {
    Script script("");
    script.attach(program.pid());
    script.memsnap("start 10");
    script.detach();
    static_cast<void>(script.play());
  }
  CHECK(program.ask("aaf") == "aaf");
  Script script("");
  script.attach(program.pid());
  script.memsnap("start 10");
  const Told live(script);
  const bool can_save = !host().save_core(own).empty();
  if (can_save) {
    script.add(host().save_core(own));
  }
  script.detach();
  const auto expected = live.texts(script.play());
  save_with_gdb(program.pid(), of_gdb);
  // Its process may be there: what is read is the core file all the same.
  CHECK(told_by(target("attach"), of_gdb) == expected);
  CHECK(program.ask("aa") == "aa");
  CHECK(told_by(target("attach"), of_gdb) == expected);
  CHECK(program.finish() == 0);
  CHECK(told_by(target("attach"), of_gdb) == expected);
  if (can_save) {
    CHECK(told_by(target("attach"), own) == expected);
  }
}

// A crash under the debugger, saved by it.
struct Crash {
  explicit Crash(const std::string& program) {
    Script script(program);
    script.memsnap("start 20");
    script.run();
    const Told live(script);
    const Step by_thread = script.memsnap("stats thread now --json");
    script.add(host().save_core(core));
    script.kill();
    const Transcript said = script.play();
    expected = live.texts(said);
    threads = said.json(by_thread);
  }

  TemporaryFolder folder;
  std::string core = folder.path() / "core";
  std::vector<std::string> expected;
  nlohmann::json threads;
};

std::multiset<std::pair<std::uint64_t, std::uint64_t>> charges(const nlohmann::json& table) {
  std::multiset<std::pair<std::uint64_t, std::uint64_t>> all;
  for (const auto& row : table["rows"]) {
    all.emplace(row["size"].get<std::uint64_t>(), row["count"].get<std::uint64_t>());
  }
  return all;
}

TEST_CASE("a core file of a crash under the debugger prints what was live at the crash", "[engines]") {
  if (host().save_core("core").empty()) {
    WARN("this debugger writes no core files on Linux");
    return;
  }
  const Crash crash("crash");
  const auto program = target("crash");
  CHECK(told_by(program, crash.core) == crash.expected);

  Script script(program);
  script.add(host().open_core(program, crash.core));
  const Step by_line = script.memsnap("stats lineno now --json");
  const Step by_thread = script.memsnap("stats thread now --json");
  const Step take = script.memsnap("take crash");
  const Step list = script.memsnap("list");
  const Step diff = script.memsnap("diff lineno crash now --json");
  const Transcript said = script.play();
  CHECK(charged(said.json(by_line), "crash.cpp", "thread") == Charged{.size = 50 * 64, .count = 50});
  CHECK(charged(said.json(by_line), "crash.cpp", "main") == Charged{.size = 50 * 100, .count = 50});
  // Numbered anew by the debugger, and without names.
  const auto threads = said.json(by_thread);
  CHECK(charges(threads) == charges(crash.threads));
  for (const auto& row : threads["rows"]) {
    CHECK(row["name"].get<std::string>().starts_with("thread "));
    CHECK(row["name"].get<std::string>().find('(') == std::string::npos);
  }
  CHECK(said[take] == said[list]);
  CHECK(said.json(diff)["total"]["count_diff"] == 0);
}

TEST_CASE("a program that was built anew gives no wrong names for a core file of the old one", "[engines]") {
  if (host().save_core("core").empty()) {
    WARN("this debugger writes no core files on Linux");
    return;
  }
  const TemporaryFolder folder;
  const std::string program = folder.path() / "program";
  std::filesystem::copy_file(target("crash"), program);
  const Crash crash(program);
  std::filesystem::remove(program);
  std::filesystem::copy_file(target("recursion"), program);
  Script script(program);
  script.add(host().open_core(program, crash.core));
  const Step by_line = script.memsnap("stats lineno now --limit 0 --json");
  const Step by_module = script.memsnap("stats module now --json");
  const Transcript said = script.play();
  const auto lines = said.json(by_line);
  std::uint64_t unnamed = 0;
  for (const auto& row : lines["rows"]) {
    const auto name = row["name"].get<std::string>();
    CHECK(name.find("recursion") == std::string::npos);
    unnamed += name.starts_with("program!0x") ? row["size"].get<std::uint64_t>() : 0;
  }
  CHECK(unnamed >= 50 * 64 + 50 * 100);
  CHECK(row_named(said.json(by_module), "program")["size"].get<std::uint64_t>() >= unnamed);
}

TEST_CASE("one core file after the other, each gets a clear answer", "[engines]") {
  const TemporaryFolder folder;
  const std::string before = folder.path() / "before";
  const std::string recorded = folder.path() / "recorded";
  const std::string stopped = folder.path() / "stopped";
  const std::string cut = folder.path() / "cut";
  AttachTarget program;
  save_with_gdb(program.pid(), before);
  const auto attached = [&](const std::string& words) {
    Script script("");
    script.attach(program.pid());
    script.memsnap(words);
    script.detach();
    static_cast<void>(script.play());
  };
  attached("start 10");
  CHECK(program.ask("a") == "a");
  save_with_gdb(program.pid(), recorded);
  {
    Script script("");
    script.attach(program.pid());
    script.memsnap("start 10");
    script.memsnap("stop");
    script.detach();
    static_cast<void>(script.play());
  }
  save_with_gdb(program.pid(), stopped);
  CHECK(program.finish() == 0);
  std::filesystem::copy_file(recorded, cut);
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);

  const auto path = target("attach");
  Script script(path);
  // Armed, and then the process is gone: a core file is no run.
  script.memsnap("start");
  const Step no_process = script.memsnap("stats");
  script.add(host().open_core(path, recorded));
  const Step armed = script.memsnap("stats lineno now --json");
  const Step status = script.memsnap("status --json");
  script.memsnap("stop");
  const Step kept = script.memsnap("take kept");
  std::vector<Step> refused;
  for (const std::string words : {"start", "start 5 --engine recorder", "stop", "clear", "reset-peak"}) {
    refused.push_back(script.memsnap(words));
  }
  std::vector<Step> not_recorded;
  for (const auto& file : {before, stopped}) {
    script.add(host().open_core(path, file));
    not_recorded.push_back(script.memsnap("stats now"));
    not_recorded.push_back(script.memsnap("take"));
    refused.push_back(script.memsnap("start"));
  }
  const Step still_kept = script.memsnap("stats lineno kept --json");
  const Step not_traced = script.memsnap("status --json");
  script.add(host().open_core(path, cut));
  const Step of_cut = script.memsnap("stats now");
  script.add(host().open_core(path, recorded));
  const Step again = script.memsnap("stats lineno now --json");
  const Transcript said = script.play();

  CHECK(said[no_process].error);
  CHECK(charged(said.json(armed), "attach.c", "attach") == Charged{.size = 700, .count = 10});
  CHECK(said.json(status)["tracing"] == "armed");
  CHECK(said.json(status)["count"] == 10);
  CHECK_FALSE(said[kept].error);
  for (const Step step : refused) {
    CHECK(said[step] == error(kNotTraced));
  }
  for (const Step step : not_recorded) {
    CHECK(said[step] == error(kNotRecorded));
  }
  CHECK(charged(said.json(still_kept), "attach.c", "attach") == Charged{.size = 700, .count = 10});
  CHECK(said.json(not_traced)["tracing"] == "no");
  CHECK(said.json(not_traced)["remark"] == kNotRecorded);
  // A debugger that does not open it has no process; others see that something is missing.
  CHECK(said[of_cut].error);
  CHECK(said[of_cut].text.starts_with("memsnap: "));
  CHECK(std::ranges::count(said[of_cut].text, '\n') == 1);
  CHECK(said[of_cut] != error(kNotRecorded));
  CHECK(charged(said.json(again), "attach.c", "attach") == Charged{.size = 700, .count = 10});
}

}  // namespace
}  // namespace memsnap::test
