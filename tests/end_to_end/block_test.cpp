// `memsnap block` and `memsnap blocks`: the very blocks behind a table's row, and what any address is.

#include <fmt/format.h>

#include <string>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"

namespace memsnap::test {
namespace {

std::string item_lines() {
  return fmt::format(
      "allocated:\n"
      "  File \"/src/blocks.c\", line {}, in make\n"
      "    struct item* item = malloc(sizeof *item);  // site: item\n"
      "  File \"/src/blocks.c\", line {}, in fill\n"
      "    items[i] = make(i);  // site: make\n",
      line_of("blocks.c", "item"), line_of("blocks.c", "make"));
}

TEST_CASE("a block is told by any expression that points into it", "[engines]") {
  Script script("blocks");
  script.memsnap("start 10");
  script.break_at("fill");
  script.break_at_site("blocks.c", "look");
  script.run();
  script.memsnap("take before");
  script.cont();
  const Step whole = script.memsnap("block items[1]");
  const Step inside = script.memsnap("block &items[1]->name[2]");
  const Step object = script.memsnap("block *items[2]");
  const Step past = script.memsnap("block text + 100");
  const Step json = script.memsnap("block text + 4 --json");
  const Step by_number = script.memsnap("blocks --json");
  script.memsnap("take after");
  script.cont();
  const Step moved = script.memsnap("block text");
  script.cont();
  const Transcript said = script.play();

  CHECK(
      said.text(whole).starts_with("address: 0x...\nsize: 32 B\noffset: 0\nstate: live\ndomain: malloc\nthread: "
                                   "thread 1 (blocks)\nsince: before\n"));
  CHECK(said.text(whole).find(item_lines()) != std::string::npos);
  CHECK(said.text(inside).find("size: 32 B\noffset: 10\n") != std::string::npos);
  CHECK(said.text(object).find("size: 32 B\noffset: 0\n") != std::string::npos);
  CHECK(said.text(past).find("size: 100 B\noffset: 100 (one past its end)\nstate: live\n") != std::string::npos);
  const auto block = said.json(json);
  CHECK(block["size"] == 100);
  CHECK(block["offset"] == 4);
  CHECK(block["state"] == "live");
  CHECK(block["since"] == "before");
  CHECK(block["freed"].is_null());
  CHECK(block["allocated"].at(0)["line"] == line_of("blocks.c", "text"));
  CHECK(said.json(by_number)["rows_total"].get<int>() >= 4);
  CHECK(said.text(moved).find("size: 19.5 KiB (20000 B)\n") != std::string::npos);
  CHECK(said.text(moved).find("since: after\n") != std::string::npos);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("an address that is in no block is told for what it is", "[engines]") {
  Script script("blocks");
  script.memsnap("start 10");
  script.break_at_site("blocks.c", "look");
  script.run();
  const Step stack = script.memsnap("block on_stack");
  const Step global = script.memsnap("block &table[2]");
  const Step zero = script.memsnap("block &zeros[50000]");
  const Step constant = script.memsnap("block &greeting[1]");
  const Step code = script.memsnap("block &main");
  const Step own = script.memsnap("block of_thread");
  const Step null = script.memsnap("block none");
  const Step unmapped = script.memsnap("block 0x10");
  const Step json = script.memsnap("block &table --json");
  const Step empty = script.memsnap("block");
  const Step wrong = script.memsnap("block nosuch");
  script.kill();
  const Transcript said = script.play();

  CHECK(said.text(stack) == "0x...: stack of thread 1 (blocks), frame main, 'local'\n");
  CHECK(said.text(global) == "0x...: global 'table'+16 in blocks\n");
  CHECK(said.text(zero) == "0x...: global 'zeros'+50000 in blocks\n");
  CHECK(said.text(constant) == "0x...: constant 'greeting'+1 in blocks\n");
  CHECK(said.text(code) == "0x...: code of 'main' in blocks\n");
  CHECK(said.text(own) == "0x...: thread-local data of thread 1 (blocks)\n");
  CHECK(said.text(null) == "0x...: a null pointer\n");
  CHECK(said.text(unmapped) == "0x...: not mapped\n");
  CHECK(said.json(json)["state"] == "none");
  CHECK(said.json(json)["place"] == "global 'table' in blocks");
  CHECK(said[empty].error);
  CHECK(said.text(empty) == "memsnap: an expression is missing; usage: memsnap block EXPR [--all] [--json]\n");
  CHECK(said[wrong].error);
  CHECK(said.text(wrong).starts_with("memsnap: 'nosuch' cannot be evaluated: "));
}

TEST_CASE("the blocks behind a row are listed by address", "[engines]") {
  Script script("blocks");
  script.memsnap("start 10");
  script.break_at_site("blocks.c", "look");
  script.run();
  const Step too_early = script.memsnap("blocks 1");
  script.memsnap("filter include *blocks.c");
  script.memsnap("stats");
  const Step second = script.memsnap("blocks 2");
  const Step limited = script.memsnap("blocks 2 --limit 1");
  script.memsnap("take old");
  script.cont();
  script.memsnap("stats now");
  const Step new_one = script.memsnap("blocks 1 --since old");
  const Step old_ones = script.memsnap("blocks 2 --since old --json");
  const Step wrong = script.memsnap("blocks 9");
  const Step no_snapshot = script.memsnap("blocks --since nosuch");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.text(too_early) == "memsnap: no table yet; 'memsnap stats' or 'memsnap diff' prints one\n");
  const auto site = fmt::format("blocks.c:{}", line_of("blocks.c", "item"));
  CHECK(said.text(second).starts_with(fmt::format("now, blocks behind #2 {}, by address\n0x...: size=32 B", site)));
  CHECK(said.text(second).ends_with("Total: size=96 B, count=3\n"));
  CHECK(said.text(limited).ends_with("... and 2 more blocks\nTotal: size=96 B, count=3\n"));
  CHECK(said.text(new_one).starts_with(
      fmt::format("now, blocks behind #1 blocks.c:{}, born since old, by address\n0x...: size=19.5 KiB",
                  line_of("blocks.c", "realloc"))));
  CHECK(said.json(old_ones)["rows"].empty());
  CHECK(said.json(old_ones)["total"]["count"] == 0);
  CHECK(said.text(wrong) == "memsnap: no row 9; the last table has 2 rows\n");
  CHECK(said.text(no_snapshot) == "memsnap: no snapshot 'nosuch'; there are: old\n");
  CHECK(said.exit_code() == 0);
}

}  // namespace
}  // namespace memsnap::test
