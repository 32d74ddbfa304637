// Pools of the program's own as domains.

#include <map>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"
#include "tests/end_to_end/text.h"

namespace memsnap::test {
namespace {

const std::string kPoolSource = "pool.c";
const std::string kAddPool =
    "allocator add pool --alloc pool_alloc:size=2,pool=1 --alloc pool_calloc:size=3i,count=2i,pool=1 "
    "--realloc pool_realloc:ptr=2,size=4,pool=1 --free pool_free:ptr=2 --free-all pool_destroy:pool=1";
const std::string kAddWrapper = "allocator add wrapper --alloc checked_malloc:size=1 --free=checked_free:ptr=1";
const std::string kAddNodes = "allocator add nodes --alloc node_get:bytes=48,out=1";

std::string watched_by() { return engine_at_work() == "recorder" ? "hook" : "breakpoint"; }

using Sites = std::map<std::string, Charged>;

void check_sites(const nlohmann::json& table, const Sites& live, const std::vector<std::string>& gone) {
  for (const auto& [site, expected] : live) {
    INFO(site);
    CHECK(charged(table, kPoolSource, site) == expected);
  }
  for (const auto& site : gone) {
    INFO(site);
    CHECK(charged(table, kPoolSource, site) == std::nullopt);
  }
}

std::int64_t size_of(const nlohmann::json& domains, const std::string& domain) {
  for (const auto& row : domains["rows"]) {
    if (row["name"] == domain) {
      return row["size"];
    }
  }
  return 0;
}

TEST_CASE("a pool's blocks are charged to who asked the pool, and counted once") {
  Script script("pool");
  script.memsnap(kAddPool);
  script.memsnap(kAddWrapper);
  script.memsnap(kAddNodes);
  script.memsnap("start");
  script.break_at("created");
  script.break_at("given");
  script.break_at("destroyed");
  script.run();
  const Step created = script.memsnap("stats --limit 0 now --json");
  script.cont();
  const Step given = script.memsnap("stats --limit 0 now --json");
  const Step domains = script.memsnap("stats domain now --json");
  const Step status = script.memsnap("status --json");
  script.cont();
  const Step destroyed = script.memsnap("stats --limit 0 now --json");
  const Step last = script.memsnap("stats domain now --json");
  const Step end = script.memsnap("status --json");
  script.cont();
  const Transcript said = script.play();

  // What a pool gets from malloc outside of its functions, as it is created, is malloc's.
  check_sites(said.json(created), {{"chunk", {.size = 840, .count = 3}}, {"pool", {.size = 48, .count = 3}}},
              {"first"});
  check_sites(said.json(given),
              {{"chunk", {.size = 840, .count = 3}},
               {"first", {.size = 100, .count = 1}},
               {"large", {.size = 5000, .count = 1}},
               {"many", {.size = 21, .count = 1}},
               {"grown", {.size = 60, .count = 1}},
               {"child", {.size = 10, .count = 1}},
               {"other", {.size = 11, .count = 1}},
               {"after", {.size = 33, .count = 1}},
               {"wrapped", {.size = 44, .count = 1}},
               {"node", {.size = std::int64_t{16} * 48, .count = 16}}},
              {"second", "fresh", "too large", "gone"});
  CHECK(size_of(said.json(domains), "pool") == 5202);
  CHECK(size_of(said.json(domains), "wrapper") == 44);
  CHECK(size_of(said.json(domains), "nodes") == 768);
  CHECK(said.json(status)["unknown_frees"] == 1);
  CHECK(said.json(status)["not_recorded"] == 0);
  // The pool and its child went with their chunks; the other is there.
  check_sites(
      said.json(destroyed),
      {{"chunk", {.size = 280, .count = 1}}, {"pool", {.size = 16, .count = 1}}, {"other", {.size = 11, .count = 1}}},
      {"first", "large", "many", "grown", "child"});
  CHECK(size_of(said.json(last), "pool") == 11);
  CHECK(said.json(end)["unknown_frees"] == 1);
  CHECK(said.json(end)["missed_frees"] == 0);
  CHECK(said.exit_code() == 0);
}

TEST_CASE("both engines print the same bytes of a pool", "[engines]") {
  const auto told = [](const std::string& engine) {
    Script script("pool");
    script.add(host().same_addresses());
    script.memsnap(kAddPool);
    script.memsnap("start 20 --engine " + engine);
    script.memsnap(kAddWrapper);
    script.break_at("given");
    script.break_at("destroyed");
    script.run();
    std::vector<Step> steps;
    for (int stop = 0; stop < 2; ++stop) {
      for (const std::string words : {"stats lineno now --limit 0", "stats domain now", "stats traceback now --all",
                                      "stats function now --cumulative --json", "traceback 1 --all"}) {
        steps.push_back(script.memsnap(words));
      }
      steps.push_back(script.memsnap("status --json"));
      script.cont();
    }
    const Transcript said = script.play();
    std::vector<std::string> texts;
    for (const Step step : steps) {
      CHECK_FALSE(said[step].error);
      if (!said[step].text.starts_with("{\"tracing\"")) {
        texts.push_back(said[step].text);
        continue;
      }
      for (const char* key : {"size", "count", "peak", "allocations", "frees", "allocated", "not_recorded",
                              "unknown_frees", "missed_frees"}) {
        texts.push_back(key + (": " + said.json(step)[key].dump()));
      }
    }
    return texts;
  };
  const auto recorder = told("recorder");
  const auto breakpoint = told("breakpoint");
  REQUIRE(recorder.size() == breakpoint.size());
  for (std::size_t i = 0; i < recorder.size(); ++i) {
    CHECK(recorder[i] == breakpoint[i]);
  }
}

TEST_CASE("a pool can be added while the program is traced, and is seen from then on") {
  Script script("pool");
  script.memsnap("start");
  script.break_at("created");
  script.break_at("given");
  script.run();
  const Step added = script.memsnap(kAddPool);
  script.cont();
  const Step given = script.memsnap("stats --limit 0 now --json");
  script.cont();
  const Transcript said = script.play();

  const auto how = watched_by();
  CHECK(said.text(added) == "pool: alloc pool_alloc:size=2,pool=1 in pool, " + how +
                                "\npool: alloc pool_calloc:size=3i,count=2i,pool=1 in pool, " + how +
                                "\npool: free-all pool_destroy:pool=1 in pool, " + how +
                                "\npool: free pool_free:ptr=2 in pool, " + how +
                                "\npool: realloc pool_realloc:ptr=2,size=4,pool=1 in pool, " + how + "\n");
  check_sites(said.json(given),
              {{"chunk", {.size = 840, .count = 3}},
               {"first", {.size = 100, .count = 1}},
               {"large", {.size = 5000, .count = 1}}},
              {"second"});
  CHECK(said.exit_code() == 0);
}

TEST_CASE("a pool in a library that comes later is pending until then") {
  Script script("pool");
  const Step armed = script.memsnap("allocator add shelf --alloc shelf_get:size=1");
  script.memsnap("start");
  script.break_at("given");
  script.break_at("destroyed");
  script.run_with(target("libshelf.so"));
  const Step before = script.memsnap("allocator list");
  script.cont();
  script.cont();
  const Step after = script.memsnap("allocator list");
  const Step shelved = script.memsnap("stats --limit 0 now --json");
  script.cont();
  const Transcript said = script.play();

  CHECK(said.text(armed) == "shelf: alloc shelf_get:size=1\n");
  CHECK(said.text(before).find("shelf: alloc shelf_get:size=1, not found\n") != std::string::npos);
  CHECK(said.text(after).find("shelf: alloc shelf_get:size=1 in libshelf.so, " + watched_by() + "\n") !=
        std::string::npos);
  check_sites(said.json(shelved), {{"shelved", {.size = 77, .count = 1}}}, {});
  CHECK(said.exit_code() == 0);
}

TEST_CASE("what the list of a pool and others names is what status names") {
  Script script("pool");
  const Step unarmed = script.memsnap("allocator list");
  script.memsnap(kAddPool);
  script.memsnap("start");
  script.break_at("given");
  script.run();
  const Step list = script.memsnap("allocator list --json");
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();

  CHECK(said.text(unarmed).find("malloc: alloc calloc:size=1,count=2\n") != std::string::npos);
  CHECK(said.text(unarmed).find("mimalloc: realloc mi_realloc:ptr=1,size=2\n") != std::string::npos);
  std::map<std::string, std::map<std::string, std::string>> listed;
  for (const auto& entry : said.json(list)) {
    listed[entry["domain"]][entry["function"]] = entry["how"];
  }
  CHECK(listed.at("pool").size() == 5);
  CHECK(said.json(status)["domains"] == nlohmann::json(listed));
}

TEST_CASE("what is wrong with a pool is told in a line, and changes nothing") {
  Script script("pool");
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"add", "which name?"},
      {"add pool", "which functions?"},
      {"add malloc --alloc f:size=1", "domain 'malloc' is memsnap's own; take another name"},
      {"add a/b --alloc f:size=1", "'a/b' is no name for a domain; letters, digits and _-. make one"},
      {"add pool --alloc malloc:size=1", "malloc is traced already, in domain 'malloc'"},
      {"add pool --alloc f", "which argument of f is the size? f:size=1 says it is the first"},
      {"add pool --alloc f:size=7",
       "'7' is no argument for size; arguments are 1 to 6, with an i behind where it is an int"},
      {"add pool --alloc f:ptr=1", "'ptr=1' says nothing of an alloc function"},
      {"add pool --free f", "which argument of f is the block? f:ptr=1 says it is the first"},
      {"add pool --alloc f:size=1 --free f:ptr=1", "f can do one thing only"},
      {"add pool --alloc f:size=1 --free-all g:pool=1", "--free-all with a pool takes what was given with that pool"},
      {"remove pool", "no 'allocator remove'"},
  };
  std::vector<Step> steps;
  for (const auto& [words, complaint] : wrong) {
    steps.push_back(script.memsnap("allocator " + words));
  }
  const Step list = script.memsnap("allocator list");
  script.memsnap("allocator add pool --alloc ns::f:size=1");
  const Step twice = script.memsnap("allocator add pool --alloc ns::f:size=1");
  const Step more = script.memsnap("allocator add pool --free 'ns::g(void*, int):ptr=1'");
  const Transcript said = script.play();

  for (std::size_t i = 0; i < wrong.size(); ++i) {
    INFO(wrong[i].first);
    CHECK(said[steps[i]].error);
    CHECK(said.text(steps[i]).starts_with("memsnap: " + wrong[i].second));
  }
  CHECK(said.text(list).find("pool:") == std::string::npos);
  CHECK(said[twice].error);
  CHECK(said.text(twice) == "memsnap: ns::f is traced already, in domain 'pool'\n");
  CHECK(said.text(more) == "pool: alloc ns::f:size=1\npool: free ns::g(void*, int):ptr=1\n");
}

}  // namespace
}  // namespace memsnap::test
