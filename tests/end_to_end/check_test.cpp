// `memsnap check`: a gate for memory that grew.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/temporary.h"
#include "tests/end_to_end/text.h"

namespace memsnap::test {
namespace {

// waste_memory at its end, with a snapshot before and one after what it keeps.
struct Grown {
  Script script{"waste_memory"};

  Grown() {
    script.memsnap("start 10");
    script.break_at("run");
    script.break_at("finished");
    script.run_with("100");
    script.memsnap("take before");
    script.cont();
    script.memsnap("take after");
  }
};

constexpr const char* kRows =
    "#1 waste_memory.cpp:11: size=977 KiB (+977 KiB), count=10000 (+10000), average=100 B\n"
    "#2 waste_memory.cpp:25: size=156 KiB (+156 KiB), count=10000 (+10000), average=16 B\n"
    "#3 waste_memory.cpp:26: size=100 KiB (+100 KiB), count=100 (+100), average=1024 B\n"
    "#4 waste_memory.cpp:34: size=3072 B (+3072 B), count=1 (+1), average=3072 B\n";

TEST_CASE("check fails where memory grew by more than is allowed, and says where") {
  Grown grown;
  auto& script = grown.script;
  const Step none = script.memsnap("check");
  const Step size = script.memsnap("check before after --max-growth 1k --limit 1");
  const Step blocks = script.memsnap("check --max-blocks 20100 --max-growth 2MiB --limit 0");
  const Step row = script.memsnap("traceback 2");
  const Transcript said = script.play();

  CHECK(said[none].error);
  CHECK(said.text(none) ==
        std::string("memsnap: check failed: before -> after, +1236 KiB, +20101 blocks; allowed: +0 B\n") + kRows);
  CHECK(said[size].error);
  CHECK(said.text(size) ==
        "memsnap: check failed: before -> after, +1236 KiB, +20101 blocks; allowed: +1024 B\n"
        "#1 waste_memory.cpp:11: size=977 KiB (+977 KiB), count=10000 (+10000), average=100 B\n"
        "... and 3 more rows\n");
  CHECK(said[blocks].error);
  CHECK(said.text(blocks) == std::string("memsnap: check failed: before -> after, +1236 KiB, +20101 blocks; "
                                         "allowed: +2048 KiB, +20100 blocks\n") +
                                 kRows);
  CHECK_FALSE(said[row].error);
  CHECK(said.text(row).starts_with("#2 waste_memory.cpp:25"));
}

TEST_CASE("check holds where memory did not grow by more, or only where that is known") {
  Grown grown;
  auto& script = grown.script;
  const Step size = script.memsnap("check --max-growth 1.25MiB");
  const Step blocks = script.memsnap("check --max-blocks 20101");
  const Step back = script.memsnap("check after before");
  const Step known = script.memsnap(
      "check --ignore *waste_memory.cpp:11 --ignore waste_memory.cpp:25 --ignore waste_memory.cpp:26 --max-growth "
      "3072");
  const Transcript said = script.play();

  for (const Step step : {size, blocks, back, known}) {
    CHECK_FALSE(said[step].error);
  }
  CHECK(said.text(size) == "memsnap: check passed: before -> after, +1236 KiB, +20101 blocks; allowed: +1280 KiB\n");
  CHECK(said.text(blocks) ==
        "memsnap: check passed: before -> after, +1236 KiB, +20101 blocks; allowed: +20101 blocks\n");
  CHECK(said.text(back) == "memsnap: check passed: after -> before, -1236 KiB, -20101 blocks; allowed: +0 B\n");
  CHECK(said.text(known) == "memsnap: check passed: before -> after, +3072 B, +1 block; allowed: +3072 B\n");
}

TEST_CASE("check without what it needs is an error that says so") {
  Script script("waste_memory");
  const Step none = script.memsnap("check");
  const Step size = script.memsnap("check --max-growth lots");
  const Step blocks = script.memsnap("check --max-blocks 1k");
  const Step names = script.memsnap("check one two");
  const Transcript said = script.play();

  CHECK(said.text(none) == "memsnap: no snapshots to compare; 'memsnap take' takes one\n");
  CHECK(
      said.text(size).starts_with("memsnap: 'lots' is no size for --max-growth; 10MiB is one; usage: memsnap check "));
  CHECK(said.text(blocks).starts_with("memsnap: '1k' is no number for --max-blocks; usage: memsnap check "));
  CHECK(said.text(names) == "memsnap: no snapshot 'one'; there are none, 'memsnap take' takes one\n");
  for (const Step step : {none, size, blocks, names}) {
    CHECK(said[step].error);
  }
}

// The number that `print` printed, behind what GDB calls it.
std::string last_word(const std::string& text) { return text.substr(text.rfind(' ') + 1); }

TEST_CASE("a breakpoint's condition can ask what is live", "[python]") {
  Script script("waste_memory");
  script.memsnap("start 10");
  script.break_if("get_data", "$memsnap_size() > 300*1024");
  script.run_with("100");
  const Step at_size = script.memsnap("take --json");
  const Step count = script.add(host().print("$memsnap_count()"));
  script.add(host().delete_breakpoints());
  script.break_if("MyObject::MyObject", "$memsnap_site_size(\"waste_memory.cpp:11\") >= 500000");
  script.cont();
  const Step at_site = script.add(host().print("$memsnap_site_size(\"waste_memory.cpp:11\")"));
  const Step wrong = script.add(host().print("$memsnap_site_size(\"waste_memory.cpp\")"));
  const Step words = script.add(host().print("$memsnap_size(1)"));
  const Transcript said = script.play();

  const auto taken = said.json(at_size);
  CHECK(taken["size"].get<int>() > 300 * 1024);
  CHECK(taken["size"].get<int>() < 320 * 1024);
  CHECK(last_word(said.text(count)) == taken["count"].dump() + "\n");
  CHECK(last_word(said.text(at_site)) == "500000\n");
  CHECK(said.text(wrong).ends_with(": 'waste_memory.cpp' is no call site; file.cpp:8 is one\n"));
  const bool is_told = said.text(words).starts_with("memsnap: $memsnap_size: ");
  CHECK((is_told || said.text(words).find("TypeError: ") != std::string::npos));
}

Printed run_gate(const std::string& check) {
  return run_program(
      host().batch(target("waste_memory"),
                   {host().load_plugin(), "memsnap start", host().break_at("run"), host().break_at("finished"),
                    host().run({.arguments = {"10"}}), "memsnap take", "continue", check, "memsnap list"}),
      true);
}

TEST_CASE("with --exit the check is the debugger's last command, and its exit status") {
  const auto fails = run_gate("memsnap check --max-growth 1KiB --exit");
  CHECK(fails.exit_code == 1);
  CHECK(fails.output.contains("memsnap: check failed: 1 -> now, +"));
  CHECK(fails.output.contains("#1 waste_memory.cpp:11: "));
  CHECK(fails.output.find("Snapshot #1") == fails.output.rfind("Snapshot #1"));  // by take, and not by list

  const auto holds = run_gate("memsnap check --max-growth 10MiB --exit");
  CHECK(holds.exit_code == 0);
  CHECK(holds.output.contains("memsnap: check passed: 1 -> now, +"));

  const auto wrong = run_gate("memsnap check --max-grow 10MiB --exit");
  CHECK(wrong.exit_code == 1);
  CHECK(wrong.output.contains("memsnap: no option '--max-grow'"));
}

// The script of README for this debugger, whose path is `debugger`.
std::string gate_in_readme(const std::string& debugger) {
  std::ifstream readme(MEMSNAP_TARGET_SOURCES "/../../README.md");
  const std::string text{std::istreambuf_iterator<char>(readme), {}};
  for (const auto& block : split(text, "```sh\n")) {
    if (block.find("exec " + std::filesystem::path(debugger).filename().string() + " ") != std::string::npos) {
      return block.substr(0, block.find("```"));
    }
  }
  return {};
}

TEST_CASE("README's leak gate fails where calls keep memory, and where there are none") {
  const auto debugger = host().interactive("").front();
  const TemporaryFolder folder;
  const std::string script = folder.path() / "leak_gate.sh";
  std::ofstream(script) << gate_in_readme(debugger);
  const auto load = host().load_plugin();
  const auto plugin = load.substr(load.find('/'), load.rfind(load.ends_with('"') ? '"' : '\0') - load.find('/'));
  const auto run = [&](const std::string& function) {
    const auto folder_of_debugger = std::filesystem::path(debugger).parent_path().string();
    return run_program({"env", "MEMSNAP=" + plugin, "PATH=" + folder_of_debugger + ":/usr/local/bin:/usr/bin:/bin",
                        "sh", script, function, target("around"), function},
                       true);
  };

  const auto leaks = run("answer");
  CHECK(leaks.exit_code == 1);
  CHECK(leaks.output.contains("memsnap: check failed: 1 -> 2, +208 B, +10 blocks; allowed: +0 B\n#1 around.cpp:"));
  const auto holds = run("question");
  CHECK(holds.exit_code == 0);
  CHECK(holds.output.contains("memsnap: check passed: 1 -> 2, +0 B, +0 blocks; allowed: +0 B"));
  CHECK(run("recurse").exit_code == 1);  // once: there is nothing to compare
}

}  // namespace
}  // namespace memsnap::test
