// What nothing reachable points to, and who holds the rest.

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <utility>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/tables.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {
namespace {

const std::string kLeaksSource = "leaks.cpp";
// Hides a pointer in tests/targets/leaks.cpp.
const std::string kMask = "0x5555aaaa5555aaaa";

std::string name(const std::string& site) { return fmt::format("{}:{}", kLeaksSource, line_of(kLeaksSource, site)); }

// All that is lost at `finished`, as `leaks` shows it.
std::string lost() {
  return fmt::format(
      "now, directly lost, by lineno\n"
      "#1 {}: size=800 B, count=1, average=800 B\n"
      "#2 {}: size=100 B, count=1, average=100 B\n"
      "#3 {}: size=48 B, count=1, average=48 B\n"
      "#4 {}: size=48 B, count=1, average=48 B\n"
      "#5 {}: size=32 B, count=1, average=32 B\n"
      "now, indirectly lost, by lineno\n"
      "#6 {}: size=720 B, count=10, average=72 B\n"
      "#7 {}: size=128 B, count=4, average=32 B\n"
      "#8 {}: size=96 B, count=2, average=48 B\n"
      "Total: size=1972 B, count=21\n",
      name("ended stack"), name("masked"), name("container"), name("cycle"), name("list head"), name("element"),
      name("list rest"), name("cycle"));
}

TEST_CASE("what no global, stack, register or thread-local leads to is lost, and nothing else", "[leaks]") {
  Script script("leaks");
  script.memsnap("start 10");
  script.break_at("half_done");
  script.break_at("finished");
  script.run();
  script.memsnap("take half");
  script.cont();
  const Step leaks = script.memsnap("leaks");
  const Step traceback = script.memsnap("traceback 7");
  const Step of_cycle = script.memsnap("blocks 4 --json");
  const Step behind_it = script.memsnap("blocks 8 --json");
  const Step since = script.memsnap("leaks --since half");
  const Step limited = script.memsnap("leaks --limit 1");
  const Step json = script.memsnap("leaks --json --limit 2");
  script.memsnap("filter include *nothing_of_this_name*");
  const Step filtered = script.memsnap("leaks");
  script.kill();
  const Transcript said = script.play();

  CHECK(said.text(leaks) == lost());
  CHECK(said.text(traceback).starts_with(
      fmt::format("#7 {}: size=128 B, count=4, average=32 B\n  File \"/src/leaks.cpp\", line {}, in ",
                  name("list rest"), line_of(kLeaksSource, "list rest"))));
  CHECK(said.json(of_cycle)["total"] == nlohmann::json{{"size", 48}, {"count", 1}});
  CHECK(said.json(behind_it)["total"] == nlohmann::json{{"size", 96}, {"count", 2}});
  CHECK(said.text(since) == fmt::format("now, directly lost, by lineno, born since 'half'\n"
                                        "#1 {}: size=100 B, count=1, average=100 B\n"
                                        "#2 {}: size=48 B, count=1, average=48 B\n"
                                        "now, indirectly lost, by lineno, born since 'half'\n"
                                        "#3 {}: size=720 B, count=10, average=72 B\n"
                                        "Total: size=868 B, count=12\n",
                                        name("masked"), name("container"), name("element")));
  CHECK(said.text(limited) == fmt::format("now, directly lost, by lineno\n"
                                          "#1 {}: size=800 B, count=1, average=800 B\n"
                                          "... and 4 more rows\n"
                                          "now, indirectly lost, by lineno\n"
                                          "#6 {}: size=720 B, count=10, average=72 B\n"
                                          "... and 2 more rows\n"
                                          "Total: size=1972 B, count=21\n",
                                          name("ended stack"), name("element")));
  const auto table = said.json(json);
  CHECK(table["rows"].size() == 4);
  CHECK(table["rows_total"] == 8);
  CHECK(table["rows"][0]["lost"] == "directly");
  CHECK(table["rows"][2]["rank"] == 6);
  CHECK(table["rows"][2]["lost"] == "indirectly");
  CHECK(table["directly"] == nlohmann::json{{"size", 1028}, {"count", 5}});
  CHECK(table["indirectly"] == nlohmann::json{{"size", 944}, {"count", 16}});
  CHECK(table["total"] == nlohmann::json{{"size", 1972}, {"count", 21}});
  CHECK(said.text(filtered) == "memsnap: no lost block passes the filters\n");
}

TEST_CASE("each holder of a block is told: globals, blocks, registers, stacks", "[leaks]") {
  Script script("leaks");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run();
  const Step global = script.memsnap("refs global_block");
  const Step inner = script.memsnap("refs inner_pointer");
  const Step in_register = script.memsnap("refs masked_for_register ^ " + kMask);
  const Step in_stack = script.memsnap("refs masked_for_stack ^ " + kMask);
  const Step lost = script.memsnap("refs masked ^ " + kMask);
  const Step path = script.memsnap("refs --path *(void**)global_block");
  const Step no_path = script.memsnap("refs --path masked_for_list ^ " + kMask);
  const Step json = script.memsnap("refs global_block --json");
  const Step no_block = script.memsnap("refs &global_block");
  script.kill();
  const Transcript said = script.play();

  CHECK(said.text(global) == fmt::format("0x...: a block of 72 B, {}\n"
                                         "#1 global 'global_block' in leaks\n"
                                         "#2 block 0x...+0 of 112 B, {}\n",
                                         name("global"), name("behind global")));
  CHECK(said.text(inner) == fmt::format("0x...: a block of 400 B, {}\n"
                                        "#1 global 'inner_pointer' in leaks -> +100\n",
                                        name("inner")));
  CHECK(said.text(in_register) ==
        fmt::format("0x...: a block of 300 B, {}\n#1 register r12 of thread 1 (leaks)\n", name("register")));
  CHECK(said.text(in_stack).starts_with(
      fmt::format("0x...: a block of 700 B, {}\n#1 stack of thread 2 (leaks), frame ", name("other stack"))));
  CHECK(said.text(in_stack).find("stay(void*), 'local'\n") != std::string::npos);
  CHECK(said.text(lost) == fmt::format("0x...: a block of 100 B, {}\nnothing points to it\n", name("masked")));
  CHECK(said.text(path) == fmt::format("0x...: a block of 112 B, {}\n"
                                       "#1 global 'global_block' in leaks\n"
                                       "#2 block 0x...+0 of 72 B, {}\n",
                                       name("behind global"), name("global")));
  CHECK(said.text(no_path) ==
        fmt::format("0x...: a block of 32 B, {}\nnothing that is reachable leads to it\n", name("list rest")));
  const auto refs = said.json(json);
  CHECK(refs["size"] == 72);
  CHECK(refs["call_site"] == name("global"));
  CHECK(refs["refs_total"] == 2);
  CHECK(refs["refs"][0]["kind"] == "global");
  CHECK(refs["refs"][0]["name"] == "global_block");
  CHECK(refs["refs"][1]["kind"] == "block");
  CHECK(refs["refs"][1]["call_site"] == name("behind global"));
  CHECK(said[no_block].error);
  CHECK(said.text(no_block) == "memsnap: 0x... is in no block: global 'global_block' in leaks\n");
}

TEST_CASE("a core file tells the same of what is lost, and who holds what", "[leaks][engines]") {
  const auto gdb = make_gdb();
  if (!gdb->missing().empty()) {
    WARN("no debugger here that writes core files");
    return;
  }
  const TemporaryFolder folder;
  const std::string core = folder.path() / "core";
  gdb->play(target("leaks"), {gdb->load_plugin(), "memsnap start 10", gdb->break_at("finished"), gdb->run({}),
                              gdb->save_core(core), "kill"});
  REQUIRE(std::filesystem::exists(core));
  Script script(target("leaks"));
  script.add(host().open_core(target("leaks"), core));
  const Step leaks = script.memsnap("leaks");
  const Step refs = script.memsnap("refs global_block");
  const Step in_register = script.memsnap("refs masked_for_register ^ " + kMask);
  const Step in_stack = script.memsnap("refs masked_for_stack ^ " + kMask);
  const Transcript said = script.play();
  CHECK(said.text(leaks) == lost());
  CHECK(said.text(refs) == fmt::format("0x...: a block of 72 B, {}\n"
                                       "#1 global 'global_block' in leaks\n"
                                       "#2 block 0x...+0 of 112 B, {}\n",
                                       name("global"), name("behind global")));
  CHECK(said.text(in_register).find("#1 register r12 of thread ") != std::string::npos);
  CHECK(said.text(in_stack).find("#1 stack of thread ") != std::string::npos);
}

TEST_CASE("where older blocks are not known, nothing that one of them may hold is called lost", "[leaks]") {
  Script script("leaks");
  script.break_at("half_done");
  script.break_at("finished");
  script.run();
  script.memsnap("start 10");
  script.cont();
  const Step leaks = script.memsnap("leaks");
  script.kill();
  const Transcript said = script.play();
  CHECK(said.text(leaks) == fmt::format("now, directly lost, by lineno\n"
                                        "#1 {}: size=100 B, count=1, average=100 B\n"
                                        "#2 {}: size=48 B, count=1, average=48 B\n"
                                        "now, indirectly lost, by lineno\n"
                                        "#3 {}: size=720 B, count=10, average=72 B\n"
                                        "Total: size=868 B, count=12\n"
                                        "Not all blocks are known: memory between the known ones counts as reachable, "
                                        "and may hide lost ones.\n",
                                        name("masked"), name("container"), name("element")));
}

// Bytes and blocks, by line of leaks.cpp, of what is lost in one way.
using Lost = std::map<int, Charged>;

Lost lost_in(const nlohmann::json& table, const std::string& how) {
  Lost lost;
  for (const auto& row : table["rows"]) {
    if (row["lost"] == how) {
      lost[row["line"]] = {.size = row["size"], .count = row["count"]};
    }
  }
  return lost;
}

nlohmann::json lost_by_memsnap() {
  Script script("leaks");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run();
  const Step leaks = script.memsnap("leaks --json --limit 0");
  script.kill();
  return script.play().json(leaks);
}

// Reports `pattern` finds in `text`: bytes and blocks first, and below it, up to an empty line, the first line of ours.
Lost lost_in(const std::string& text, const std::string& pattern) {
  Lost lost;
  const std::regex report(pattern);
  const std::regex site("leaks\\.cpp:([0-9]+)");
  for (auto found = std::sregex_iterator(text.begin(), text.end(), report); found != std::sregex_iterator(); ++found) {
    std::smatch line;
    const std::string below = found->suffix();
    REQUIRE(std::regex_search(below, line, site));
    auto& charged = lost[std::stoi(line[1])];
    charged.size += std::stoll((*found)[1]);
    charged.count += std::stoll((*found)[2]);
  }
  return lost;
}

TEST_CASE("what valgrind calls definitely and indirectly lost is lost, directly and indirectly", "[leaks][oracle]") {
  const auto printed =
      run_program({"valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect", target("leaks")}, true);
  // The program asks for a report where it is stopped here; a second one follows at its end.
  const auto text = replace_all(printed.output.substr(0, printed.output.find("LEAK SUMMARY")), ",", "");
  const auto by_memsnap = lost_by_memsnap();
  CHECK(lost_in(by_memsnap, "directly") ==
        lost_in(text, "(?:== |\\()([0-9]+) (?:direct[^)]*\\) )?bytes in ([0-9]+) blocks are definitely lost"));
  CHECK(lost_in(by_memsnap, "indirectly") == lost_in(text, "== ([0-9]+) bytes in ([0-9]+) blocks are indirectly lost"));
}

#ifdef MEMSNAP_LEAKS_LSAN
TEST_CASE("LeakSanitizer finds the same blocks lost, but for what it sees otherwise", "[leaks][oracle]") {
  const auto printed = run_program({MEMSNAP_LEAKS_LSAN}, true);
  const auto text = printed.output.substr(0, printed.output.find("SUMMARY"));
  const auto by_memsnap = lost_by_memsnap();
  auto all = lost_in(by_memsnap, "indirectly");
  for (const auto& [line, charged] : lost_in(by_memsnap, "directly")) {
    all[line].size += charged.size;
    all[line].count += charged.count;
  }
  // It does not look into memory that the program has mapped by itself.
  all[line_of(kLeaksSource, "mapped")] = {.size = 600, .count = 1};
  CHECK(lost_in(text, "irect leak of ([0-9]+) byte\\(s\\) in ([0-9]+) object") == all);
  // A cycle has no head for it, and a map's object and its root are one.
  auto direct = lost_in(by_memsnap, "directly");
  direct.erase(line_of(kLeaksSource, "cycle"));
  direct.erase(line_of(kLeaksSource, "container"));
  direct[line_of(kLeaksSource, "mapped")] = {.size = 600, .count = 1};
  CHECK(lost_in(text, "Direct leak of ([0-9]+) byte\\(s\\) in ([0-9]+) object") == direct);
}
#endif

}  // namespace
}  // namespace memsnap::test
