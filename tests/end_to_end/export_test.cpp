// Snapshots and differences in the files of other programs.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/pprof.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {
namespace {

using Json = nlohmann::json;

const std::vector<std::string> kEndings = {".pb.gz", ".folded", ".speedscope.json", ".json", ".html"};

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

// Where an export goes: one of `after`, or of what changed from `before` to it.
std::string export_name(const std::string& folder, bool is_diff, const std::string& ending) {
  return folder + (is_diff ? "/difference" : "/after") + ending;
}

// Every export that there is, into a folder.
std::vector<std::string> export_commands(const std::string& folder) {
  std::vector<std::string> commands;
  for (const auto& ending : kEndings) {
    commands.push_back("export " + export_name(folder, false, ending));
    commands.push_back("export " + export_name(folder, true, ending) + " before after");
  }
  return commands;
}

// A run with `before` and `after`, all exports of them, and the tables that say the same.
struct Exported {
  explicit Exported(const std::string& program) {
    Script script(program);
    script.memsnap("start 10");
    script.break_at(program == "waste_memory" ? "run" : "main");
    script.break_at("finished");
    script.run_with("2");
    script.memsnap("take before");
    script.cont();
    script.memsnap("take after");
    script.memsnap("save " + folder.path().string() + "/before-saved.pb.gz before");
    script.memsnap("save " + folder.path().string() + "/after-saved.pb.gz after");
    std::vector<Step> steps;
    for (const auto& command : export_commands(folder.path())) {
      steps.push_back(script.memsnap(command));
    }
    const Step by_traceback = script.memsnap("stats traceback after --limit 0 --json");
    const Step by_line = script.memsnap("stats lineno after --limit 0 --json");
    const Step diff_by_line = script.memsnap("diff lineno before after --limit 0 --json");
    script.kill();
    const Transcript said = script.play();
    for (const Step step : steps) {
      CHECK_FALSE(said[step].error);
      answers.push_back(said[step].text);
    }
    tracebacks = said.json(by_traceback);
    lines = said.json(by_line);
    diff_lines = said.json(diff_by_line);
  }

  std::string path(bool is_diff, const std::string& ending) const {
    return export_name(folder.path(), is_diff, ending);
  }

  TemporaryFolder folder;
  std::vector<std::string> answers;  // to export_commands
  Json tracebacks;
  Json lines;
  Json diff_lines;
};

TEST_CASE("exports are the same bytes in every debugger, of a live session and of a loaded one") {
  for (const std::string program : {"waste_memory", "threads"}) {
    const Exported exported(program);
    CHECK(exported.answers[0] == fmt::format("memsnap: exported 'after' to {}, {} B\n", exported.path(false, ".pb.gz"),
                                             std::filesystem::file_size(exported.path(false, ".pb.gz"))));
    CHECK(exported.answers[1].starts_with("memsnap: exported 'before' -> 'after' to "));
    for (const auto* name : {"gdb", "lldb", "lldb22"}) {
      CAPTURE(program);
      CAPTURE(name);
      const auto debugger = make_host(name);
      if (!debugger->missing().empty()) {
        continue;
      }
      const TemporaryFolder folder;
      const auto saved = exported.folder.path().string();
      std::vector<std::string> commands = {debugger->load_plugin(), "memsnap load " + saved + "/before-saved.pb.gz",
                                           "memsnap load " + saved + "/after-saved.pb.gz"};
      for (const auto& command : export_commands(folder.path())) {
        commands.push_back("memsnap " + command);
      }
      const auto answers = debugger->play("", commands);
      if (answers[0].error) {
        WARN("a debugger's plugin is not built: " << answers[0].text);
        continue;
      }
      for (const auto& ending : kEndings) {
        CAPTURE(ending);
        for (const bool is_diff : {false, true}) {
          CHECK(read(export_name(folder.path(), is_diff, ending)) == read(exported.path(is_diff, ending)));
        }
      }
    }
  }
}

// What stands for a traceback, wherever it is written.
std::string frames_text(const Json& frames) {
  std::string text;
  for (const auto& frame : frames) {
    text += frame.dump() + "\n";
  }
  return text;
}

TEST_CASE("the exported JSON has the tracebacks that tables have, with all their frames") {
  for (const std::string program : {"waste_memory", "threads"}) {
    CAPTURE(program);
    const Exported exported(program);
    const auto file = Json::parse(read(exported.path(false, ".json")));
    std::map<std::string, std::int64_t> in_file;
    for (const auto& traceback : file["tracebacks"]) {
      auto frames = Json::array();
      for (const auto& index : traceback["frames"]) {
        frames.push_back(file["frames"].at(index.get<std::size_t>()));
      }
      in_file[frames_text(frames)] += traceback["size"].get<std::int64_t>();
    }
    std::map<std::string, std::int64_t> in_table;
    for (const auto& row : exported.tracebacks["rows"]) {
      in_table[frames_text(row["traceback"])] += row["size"].get<std::int64_t>();
    }
    CHECK(in_file == in_table);
    CHECK(file["total"] == exported.tracebacks["total"]);
    CHECK(file["snapshot"]["name"] == "after");
    const auto difference = Json::parse(read(exported.path(true, ".json")));
    CHECK(difference["total"] == exported.diff_lines["total"]);
  }
}

// The last number of each line, under the innermost frame.
std::map<std::string, std::int64_t> folded_leaves(const std::string& path) {
  std::map<std::string, std::int64_t> leaves;
  const auto text = read(path);
  for (const auto line : lines_of(text)) {
    const auto space = line.rfind(' ');
    const auto frame = std::min(line.rfind(';') + 1, line.size());
    leaves[std::string(line.substr(frame, space - frame))] += std::stoll(std::string(line.substr(space + 1)));
  }
  return leaves;
}

TEST_CASE("folded stacks, speedscope's profiles and the page add up to the table") {
  const Exported exported("waste_memory");
  const auto& total = exported.lines["total"];
  std::int64_t folded = 0;
  for (const auto& [frame, bytes] : folded_leaves(exported.path(false, ".folded"))) {
    folded += bytes;
  }
  CHECK(folded == total["size"]);
  CHECK(read(exported.path(false, ".folded")).find(";main (waste_memory.cpp:43);run(int) (waste_memory.cpp:") !=
        std::string::npos);

  const auto speedscope = Json::parse(read(exported.path(false, ".speedscope.json")));
  CHECK(speedscope["profiles"][0]["endValue"] == total["size"]);
  CHECK(speedscope["profiles"][1]["endValue"] == total["count"]);

  for (const bool is_diff : {false, true}) {
    CAPTURE(is_diff);
    const auto page = read(exported.path(is_diff, ".html"));
    const std::string begin = R"(id="data">)";
    const auto from = page.find(begin) + begin.size();
    const auto data = Json::parse(page.substr(from, page.find("</script>", from) - from));
    const auto& rows = data["tables"]["lineno"];
    const auto& table = (is_diff ? exported.diff_lines : exported.lines)["rows"];
    REQUIRE(rows.size() == table.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(rows[i][0] == table[i]["name"]);
      CHECK(rows[i][1] == table[i]["size"]);
      CHECK(rows[i][2] == table[i]["count"]);
      CHECK(rows[i][3] == (is_diff ? table[i]["size_diff"] : Json(0)));
    }
    CHECK(data["new"]["size"] == total["size"]);
    CHECK(data["old"].is_null() == !is_diff);
  }
}

TEST_CASE("an export that cannot be is an error of one line, and the session goes on") {
  const TemporaryFolder folder;
  Script script("waste_memory");
  const Step no_process = script.memsnap("export x.html");
  script.memsnap("start 10");
  script.break_at("finished");
  script.run_with("2");
  const Step unknown = script.memsnap("export after.svg");
  const Step missing = script.memsnap("export after.html befor");
  const Step nowhere = script.memsnap("export " + folder.path().string() + "/no/after.html");
  const Step of_now = script.memsnap("export " + folder.path().string() + "/now.folded");
  script.kill();
  const Transcript said = script.play();
  const auto error = [&](Step step) {
    CHECK(said[step].error);
    CHECK(lines_of(said[step].text).size() == 1);
    return replace_all(said[step].text, folder.path().string(), "/folder");
  };
  CHECK(error(no_process) == "memsnap: no process; 'memsnap start' arms tracing for the next run\n");
  CHECK(error(unknown) ==
        "memsnap: cannot tell from 'after.svg' what to write; a file's name ends in one of .pb.gz, .folded, "
        ".speedscope.json, .json, .html\n");
  CHECK(error(missing) == "memsnap: no snapshot 'befor'; there are none, 'memsnap take' takes one\n");
  CHECK(error(nowhere) == "memsnap: cannot write '/folder/no/after.html': No such file or directory\n");
  CHECK(said[of_now].text.starts_with("memsnap: exported 'now' to "));
  CHECK_FALSE(read(folder.path() / "now.folded").empty());
}

TEST_CASE("pprof reads an exported difference, and finds what its own -diff_base does", "[pprof]") {
  const Exported exported("waste_memory");
  const auto saved = exported.folder.path().string();
  const auto difference = exported.path(true, ".pb.gz");
  for (const std::string type : {"inuse_space", "inuse_objects", "alloc_space", "alloc_objects"}) {
    CAPTURE(type);
    const auto sums = pprof_top(type, {difference});
    CHECK(sums.size() > 5);
    CHECK(sums == pprof_top(type, {"-diff_base", saved + "/before-saved.pb.gz", saved + "/after-saved.pb.gz"}));
  }
  CHECK(pprof({"-comments", difference}) == "memsnap difference: before -> after\n");
}

}  // namespace
}  // namespace memsnap::test
