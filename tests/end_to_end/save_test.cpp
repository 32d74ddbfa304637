// Snapshots in files: saved in one session, read in others and by pprof.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/pprof.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {
namespace {

// All that can be printed of two snapshots.
std::vector<std::string> all_tables() {
  std::vector<std::string> commands = {"list", "list --json"};
  for (const std::string key : {"lineno", "filename", "function", "traceback", "module", "domain", "thread"}) {
    for (const std::string& table : {"stats " + key + " after", "diff " + key + " before after"}) {
      commands.push_back(table);
      commands.emplace_back("traceback 1 --all");
      commands.push_back(table + " --limit 0 --json --all");
      commands.emplace_back("traceback 2 --json");
    }
  }
  for (const std::string key : {"lineno", "filename", "function", "module"}) {
    commands.push_back("stats " + key + " after --cumulative --limit 0");
    commands.emplace_back("traceback 3");
  }
  commands.emplace_back("stats traceback after --all --limit 0");
  commands.emplace_back("diff traceback before after --limit 0 --json");
  // The rules are those of the session that reads it.
  commands.emplace_back("hide add 'My*'");
  commands.emplace_back("stats lineno after --limit 0");
  commands.emplace_back("hide delete 'My*'");
  commands.emplace_back("filter exclude '*waste*'");
  commands.emplace_back("stats lineno after --limit 0");
  commands.emplace_back("filter clear");
  return commands;
}

// A run that is saved: `before` when `first` is reached, `after` when `last` is.
struct Saved {
  Saved(const std::string& program, const std::string& first, const std::string& last) {
    Script script(program);
    script.memsnap("start 10");
    script.break_at(first);
    script.break_at(last);
    script.run_with("2");
    script.memsnap("take before");
    script.cont();
    script.memsnap("take after");
    const Step status = script.memsnap("status --json");
    std::vector<Step> steps;
    for (const auto& table : all_tables()) {
      steps.push_back(script.memsnap(table));
    }
    const Step save_before = script.memsnap("save " + before + " before");
    const Step save_after = script.memsnap("save " + after);
    script.kill();
    const Transcript said = script.play();
    for (const Step step : steps) {
      tables.push_back(said[step].text);
    }
    figures = said.json(status);
    said_of_before = said[save_before];
    said_of_after = said[save_after];
  }

  TemporaryFolder folder;
  std::string before = folder.path() / "before.pb.gz";
  std::string after = folder.path() / "after.pb.gz";
  std::vector<std::string> tables;
  nlohmann::json figures;
  Answer said_of_before;
  Answer said_of_after;
};

// What a debugger that has no program prints of saved files; empty where there is no such debugger here.
std::vector<std::string> printed_by(const Host& debugger, const Saved& saved) {
  if (!debugger.missing().empty()) {
    return {};
  }
  std::vector<std::string> commands = {debugger.load_plugin(), "memsnap load " + saved.before,
                                       "memsnap load " + saved.after};
  for (const auto& table : all_tables()) {
    commands.push_back("memsnap " + table);
  }
  const auto answers = debugger.play("", commands);
  std::string transcript;
  std::vector<std::string> tables;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    transcript += "> " + commands[i] + "\n" + answers[i].text;
    if (i > 2) {
      tables.push_back(answers[i].text);
    }
  }
  remember_transcript(transcript);
  if (answers[0].error) {
    WARN("a debugger's plugin is not built: " << answers[0].text);
    return {};
  }
  // The lines that `take` printed.
  CHECK(answers[1].text + answers[2].text == saved.tables[0]);
  return tables;
}

TEST_CASE("a saved snapshot prints the same bytes in every debugger, without a program and its files") {
  const TemporaryFolder folder;
  const std::string program = folder.path() / "program";
  std::filesystem::copy_file(target("waste_memory"), program);
  const Saved saved(program, "run", "finished");
  CHECK(saved.tables[0].starts_with("Snapshot #1 'before': size=71.0 KiB, count=1"));
  CHECK(saved.said_of_before.text ==
        fmt::format("memsnap: saved 'before' to {}, {} B\n", saved.before, std::filesystem::file_size(saved.before)));
  CHECK_FALSE(saved.said_of_after.error);
  std::filesystem::remove(program);
  REQUIRE(printed_by(host(), saved) == saved.tables);
  for (const auto* name : {"gdb", "lldb", "lldb22"}) {
    CAPTURE(name);
    const auto printed = printed_by(*make_host(name), saved);
    CHECK((printed.empty() || printed == saved.tables));
  }
}

TEST_CASE("threads, and modules that were unloaded, are in a saved snapshot") {
  for (const std::string program : {"threads", "dlopen"}) {
    CAPTURE(program);
    const Saved saved(program, "main", "finished");
    CHECK(saved.tables.back().empty());
    CHECK(saved.tables.size() == all_tables().size());
    REQUIRE(printed_by(host(), saved) == saved.tables);
  }
}

TEST_CASE("a loaded snapshot is compared with what a program has live") {
  Saved saved("waste_memory", "run", "finished");
  Script script("waste_memory");
  script.memsnap("load " + saved.after + " earlier");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run_with("2");
  const Step by_line = script.memsnap("diff lineno earlier now");
  // Where a walk ended is an address of each run's own.
  script.memsnap("filter include '*waste_memory.cpp'");
  const Step by_traceback = script.memsnap("diff traceback earlier now");
  script.memsnap("take");
  const Step list = script.memsnap("list");
  script.kill();
  const Transcript said = script.play();
  CHECK(said.text(by_line) == "earlier -> now, by lineno\nTotal: size=95.7 KiB (+0 B), count=404 (+0)\n");
  CHECK(said.text(by_traceback) == "earlier -> now, by traceback\nTotal: size=24.7 KiB (+0 B), count=403 (+0)\n");
  CHECK(lines_of(said.text(list)).size() == 2);
}

TEST_CASE("save and load that cannot be are errors of one line, and the session goes on") {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "after.pb.gz";
  const std::string cut = folder.path() / "cut.pb.gz";
  const std::string noise = folder.path() / "noise.pb.gz";
  {
    const Saved saved("waste_memory", "run", "finished");
    std::filesystem::copy_file(saved.after, file);
    std::filesystem::copy_file(saved.after, cut);
    std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);
    std::ofstream(noise) << "heap profile: 1: 2 [3: 4] @ heap_v2/524288\n";
  }
  Script script("");
  const Step nothing = script.memsnap("save " + file);
  const Step missing = script.memsnap("load " + file + "2");
  const Step of_folder = script.memsnap("load " + folder.path().string());
  const Step of_cut = script.memsnap("load " + cut);
  const Step of_noise = script.memsnap("load " + noise);
  const Step loaded = script.memsnap("load " + file);
  const Step twice = script.memsnap("load " + file);
  const Step to_folder = script.memsnap("save " + folder.path().string());
  const Step nowhere = script.memsnap("save " + file + "/x after");
  const Step list = script.memsnap("list");
  const Step again = script.memsnap("save " + file + "2");
  const Transcript said = script.play();
  const auto error = [&](Step step) {
    CHECK(said[step].error);
    CHECK(lines_of(said[step].text).size() == 1);
    return replace_all(said[step].text, folder.path().string(), "/folder");
  };
  CHECK(error(nothing) == "memsnap: no process; 'memsnap start' arms tracing for the next run\n");
  CHECK(error(missing) == "memsnap: cannot read '/folder/after.pb.gz2': No such file or directory\n");
  CHECK(error(of_folder) == "memsnap: cannot read '/folder': Is a directory\n");
  CHECK(error(of_cut) == "memsnap: cannot load '/folder/cut.pb.gz': cut off or damaged\n");
  CHECK(error(of_noise) == "memsnap: cannot load '/folder/noise.pb.gz': no gzipped pprof profile\n");
  CHECK(error(twice).starts_with("memsnap: there is a snapshot 'after' already; "));
  CHECK(error(to_folder) == "memsnap: cannot write '/folder': Is a directory\n");
  CHECK(error(nowhere) == "memsnap: cannot write '/folder/after.pb.gz/x': Not a directory\n");
  CHECK(said[loaded].text.starts_with("Snapshot #1 'after': size=95.7 KiB, count=404"));
  CHECK(said[list] == said[loaded]);
  CHECK_FALSE(said[again].error);
  // As it was saved, from where it was loaded.
  CHECK(run_program({"cmp", file, file + "2"}).exit_code == 0);
}

TEST_CASE("pprof reads a saved snapshot, and finds in it what memsnap does", "[pprof]") {
  const Saved saved("waste_memory", "run", "finished");
  Script script("");
  script.memsnap("load " + saved.before);
  script.memsnap("load " + saved.after);
  const Step stats = script.memsnap("stats function after --cumulative --limit 0 --json");
  const Step diff = script.memsnap("diff function before after --cumulative --limit 0 --json");
  const Transcript said = script.play();

  const auto compare = [](const nlohmann::json& table, const std::string& number, const auto& sums) {
    CHECK(sums.at("") == (number == "size_diff" ? 72704 : table["total"][number].template get<std::int64_t>()));
    std::size_t compared = 0;
    for (const auto& row : table["rows"]) {
      // What has no lines is a row of its own here, and goes with the function of that name there.
      if (row["module"].is_null()) {
        CAPTURE(row["name"]);
        const auto sum = sums.find(row["name"].get<std::string>());
        REQUIRE(sum != sums.end());
        CHECK(sum->second == row[number].get<std::int64_t>());
        ++compared;
      }
    }
    CHECK(compared >= 10);
  };
  compare(said.json(stats), "size", pprof_top("inuse_space", {saved.after}));
  compare(said.json(stats), "count", pprof_top("inuse_objects", {saved.after}));
  // Percentages are of the base there.
  compare(said.json(diff), "size_diff", pprof_top("inuse_space", {"-diff_base", saved.before, saved.after}));
  CHECK(pprof_top("alloc_objects", {saved.after}).at("") == saved.figures["allocations"]);
  CHECK(pprof_top("alloc_space", {saved.after}).at("") == saved.figures["allocated"]);

  const auto raw = pprof({"-raw", saved.after});
  CHECK(raw.find("inuse_objects/count inuse_space/bytes[dflt] alloc_objects/count alloc_space/bytes") !=
        std::string::npos);
  CHECK(raw.find("domain:[new]") != std::string::npos);
  CHECK(raw.find("truncated:[frame limit]") != std::string::npos);
  CHECK(raw.find(target("waste_memory") + " ") != std::string::npos);
  const auto comments = pprof({"-comments", saved.after});
  CHECK(comments.starts_with("memsnap format: 1\nmemsnap snapshot: after\n"));
}

TEST_CASE("a profile that pprof has written anew is loaded", "[pprof]") {
  const Saved saved("waste_memory", "run", "finished");
  const std::string rewritten = saved.folder.path() / "rewritten.pb.gz";
  pprof({"-proto", "-output=" + rewritten, saved.after});
  Script script("");
  script.memsnap("load " + saved.before);
  script.memsnap("load " + saved.after);
  script.memsnap("load " + rewritten + " rewritten");
  const Step by_line = script.memsnap("diff lineno after rewritten");
  const Step by_thread = script.memsnap("diff thread after rewritten");
  const Transcript said = script.play();
  CHECK(said.text(by_line) == "after -> rewritten, by lineno\nTotal: size=95.7 KiB (+0 B), count=404 (+0)\n");
  CHECK(said.text(by_thread) == "after -> rewritten, by thread\nTotal: size=95.7 KiB (+0 B), count=404 (+0)\n");
}

}  // namespace
}  // namespace memsnap::test
