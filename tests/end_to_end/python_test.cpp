// `import memsnap` in the debugger's own Python: scripts as they are written for tracemalloc.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/script.h"
#include "tests/end_to_end/strings.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {
namespace {

// What tracemalloc's documentation has people write, with the import changed.
constexpr std::string_view kRecipe = R"(import memsnap as tracemalloc
import json

before = tracemalloc.get_snapshot("before")
after = tracemalloc.take_snapshot()

print("[ Top 10 ]")
for statistic in after.statistics("lineno")[:10]:
    print(statistic)

print("[ Top 10 differences ]")
changed = [row for row in after.compare_to(before, "lineno") if row.size_diff or row.count_diff]
for statistic in changed[:10]:
    print(statistic)

print("[ Biggest of the program ]")
own = after.filter_traces((tracemalloc.Filter(True, "*/waste_memory.cpp"), tracemalloc.Filter(False, "<unknown>")))
biggest = own.statistics("traceback")[0]
print("%s memory blocks: %.1f KiB" % (biggest.count, biggest.size / 1024))
for line in biggest.traceback.format(most_recent_first=True):
    print(line)

print(json.dumps([[row.traceback[0].filename, row.traceback[0].lineno, row.size, row.size_diff, row.count,
                   row.count_diff] for row in changed]))
)";

// A script in a folder of its own. Debuggers that import it want a module's name.
class PythonFile {
 public:
  explicit PythonFile(std::string_view text) { std::ofstream(path()) << text; }
  std::string path() const { return folder_.path() / "script.py"; }
  std::string beside(const std::string& name) const { return folder_.path() / name; }

 private:
  TemporaryFolder folder_;
};

std::string start_of(int frames) {
  return fmt::format("import memsnap; memsnap.start({}, engine='{}')", frames, engine());
}

// The lines between two that are headings, or to the end.
std::vector<std::string> part(const std::vector<std::string_view>& lines, std::string_view heading) {
  std::vector<std::string> found;
  auto line = std::ranges::find(lines, heading);
  REQUIRE(line != lines.end());
  for (++line; line != lines.end() && !line->starts_with('['); ++line) {
    found.emplace_back(*line);
  }
  return found;
}

// A table's rows without their ranks, its title and its total.
std::vector<std::string> rows_of(const std::string& table) {
  std::vector<std::string> rows;
  for (const auto line : lines_of(table)) {
    if (line.starts_with('#')) {
      rows.emplace_back(line.substr(line.find(' ') + 1));
    }
  }
  return rows;
}

// Frames as tracemalloc prints them: without functions, and without a word of those that are hidden.
std::vector<std::string> frames_of(const std::string& traceback) {
  std::vector<std::string> lines;
  for (const auto line : lines_of(traceback)) {
    if (line.starts_with("  File ")) {
      lines.emplace_back(line.substr(0, line.find(", in ")));
    } else if (line.starts_with("    ")) {
      lines.emplace_back(line);
    }
  }
  return lines;
}

TEST_CASE("a script for tracemalloc prints what memsnap's tables say", "[python]") {
  const PythonFile recipe(kRecipe);
  Script script("waste_memory");
  const Step start = script.add(host().python(start_of(25)));
  script.break_at("run");
  script.break_at("finished");
  script.run_with("3");
  script.memsnap("take before");
  script.cont();
  const Step printed = script.add(host().run_script(recipe.path()));
  const Step stats = script.memsnap("stats lineno now");
  const Step diff = script.memsnap("diff lineno before now");
  const Step diff_json = script.memsnap("diff lineno before now --limit 0 --json");
  script.memsnap("filter include '*/waste_memory.cpp'");
  const Step by_traceback = script.memsnap("stats traceback now --limit 1");
  const Step traceback = script.memsnap("traceback 1");
  const Transcript said = script.play();

  CHECK(said[start] == Answer{});
  REQUIRE_FALSE(said[printed].error);
  const auto lines = lines_of(said[printed].text);
  // Only the folders of the files, and `:0` behind what has no line, are told in another way.
  const auto same_rows = [](const std::vector<std::string>& python, const std::vector<std::string>& table) {
    REQUIRE(python.size() == table.size());
    for (std::size_t i = 0; i < table.size(); ++i) {
      const auto whole = replace_all(python[i], ":0: ", ": ");
      CHECK((whole == table[i] || whole.ends_with("/" + table[i])));
    }
  };
  same_rows(part(lines, "[ Top 10 ]"), rows_of(said[stats].text));
  same_rows(part(lines, "[ Top 10 differences ]"), rows_of(said[diff].text));

  auto biggest = part(lines, "[ Biggest of the program ]");
  CHECK(biggest.front() == "300 memory blocks: 29.3 KiB");
  CHECK(rows_of(said[by_traceback].text).front().starts_with("waste_memory.cpp:11: size=29.3 KiB, count=300,"));
  biggest.erase(biggest.begin());
  REQUIRE(biggest.size() >= 8);

  auto rows = nlohmann::json::array();
  const auto table = said.json(diff_json);
  for (const auto& row : table["rows"]) {
    rows.push_back({row["file"].is_null() ? row["name"] : row["file"],
                    row["line"].is_null() ? 0 : row["line"].get<int>(), row["size"], row["size_diff"], row["count"],
                    row["count_diff"]});
  }
  CHECK(nlohmann::json::parse(lines.back()) == rows);
  CHECK(biggest == frames_of(said[traceback].text));
}

TEST_CASE("tracemalloc's functions do what memsnap's commands do", "[python]") {
  constexpr std::string_view kText = R"(import memsnap, json, sys

if "gdb" in sys.modules:
    import gdb
    pointer = gdb.parse_and_eval("blocks[3]")
    address = int(pointer)
else:
    import lldb
    pointer = lldb.debugger.GetSelectedTarget().EvaluateExpression("blocks[3]")
    address = pointer.GetValueAsUnsigned()

site = memsnap.get_object_traceback(pointer)
print(json.dumps({
    "tracing": memsnap.is_tracing(),
    "limit": memsnap.get_traceback_limit(),
    "memory": memsnap.get_traced_memory(),
    "overhead": memsnap.get_tracemalloc_memory(),
    "count": memsnap.count(),
    "site": [site[-1].filename, site[-1].lineno, site[-1].function, len(site), site.total_nframe],
    "inside": [str(memsnap.get_object_traceback(address + 69)), str(memsnap.get_object_traceback(address + 70))],
    "none": memsnap.get_object_traceback(16),
}))
)";
  const PythonFile file(kText);
  Script script("attach");
  const Step start = script.add(host().python(start_of(1)));
  script.break_at("allocated");
  script.run();
  const Step printed = script.add(host().run_script(file.path()));
  const Step status = script.memsnap("status --json");
  script.add(host().python("memsnap.clear_traces()"));
  const Step cleared = script.add(host().python("print(memsnap.get_traced_memory(), memsnap.take_snapshot().traces)"));
  const Step stop = script.add(host().python("memsnap.stop()"));
  const Step stopped = script.memsnap("status --json");
  script.add(host().python("memsnap.stop(); memsnap.reset_peak(); memsnap.clear_traces()"));
  const Step nothing = script.add(host().python("print(memsnap.is_tracing(), memsnap.get_traced_memory())"));
  script.kill();
  const Transcript said = script.play();

  CHECK(said[start] == Answer{});
  const auto told = said.json(printed);
  const auto expected = said.json(status);
  CHECK(told["tracing"] == true);
  CHECK(told["limit"] == 1);
  CHECK(told["memory"] == nlohmann::json({expected["size"], expected["peak"]}));
  CHECK(told["count"] == expected["count"]);
  CHECK(told["overhead"].get<std::int64_t>() > 0);
  CHECK(told["site"][0] == target_source("attach.c"));
  CHECK(told["site"][1] == line_of("attach.c", "attach"));
  CHECK(told["site"][2] == "allocate");
  CHECK(told["site"][3] == 1);
  CHECK(told["site"][4].get<int>() >= 2);
  CHECK(told["inside"][0].get<std::string>().ends_with(fmt::format("attach.c:{}", line_of("attach.c", "attach"))));
  CHECK(told["inside"][1] == "None");
  CHECK(told["none"].is_null());
  CHECK(said[cleared].text == "(0, 0) <Traces len=0>\n");
  CHECK_FALSE(said[stop].error);
  CHECK(said.json(stopped)["tracing"] == "no");
  CHECK(said[nothing].text == "False (0, 0)\n");
}

TEST_CASE("a script's snapshot goes into a file and back, and commands read it too", "[python]") {
  constexpr std::string_view kText = R"(import memsnap, os

folder = os.path.dirname(os.path.abspath(__file__))
taken = memsnap.take_snapshot()
taken.dump(os.path.join(folder, "whole.pb.gz"))
own = taken.filter_traces([memsnap.Filter(True, "*/waste_memory.cpp")])
own.dump(os.path.join(folder, "own.pb.gz"))
for name, snapshot in (("whole", taken), ("own", own)):
    loaded = memsnap.Snapshot.load(os.path.join(folder, name + ".pb.gz"))
    print(loaded.traces == snapshot.traces, loaded.traceback_limit,
          [loaded.statistics(key) == snapshot.statistics(key) for key in ("lineno", "filename", "traceback")])
for wrong in (lambda: memsnap.Snapshot.load(folder), lambda: memsnap.Snapshot.load(folder + "/none"),
              lambda: memsnap.Snapshot.load(__file__), lambda: taken.dump(folder)):
    try:
        wrong()
    except OSError as error:
        print(type(error).__name__, str(error).replace(folder, "FOLDER"))
)";
  const PythonFile file(kText);
  Script script("waste_memory");
  script.add(host().python(start_of(2)));
  script.break_at("finished");
  script.run_with("2");
  // GDB's `source` has no __file__ of the script.
  script.add(host().python("import runpy"));
  const Step printed = script.add(host().python(fmt::format("_ = runpy.run_path('{}')", file.path())));
  const Step all = script.memsnap("stats lineno now --limit 0");
  script.memsnap("load " + file.beside("whole.pb.gz") + " whole");
  script.memsnap("load " + file.beside("own.pb.gz") + " own");
  const Step loaded = script.memsnap("stats lineno whole --limit 0");
  const Step own = script.memsnap("stats lineno own --limit 0");
  script.memsnap("filter include '*/waste_memory.cpp'");
  const Step filtered = script.memsnap("stats lineno now --limit 0");
  const Transcript said = script.play();

  CHECK(said[printed].text ==
        "True 2 [True, True, True]\nTrue 2 [True, True, True]\n"
        "IsADirectoryError [Errno 21] Is a directory: 'FOLDER'\n"
        "FileNotFoundError [Errno 2] No such file or directory: 'FOLDER/none'\n"
        "OSError cannot load 'FOLDER/script.py': no gzipped pprof profile\n"
        "OSError cannot write 'FOLDER': Is a directory\n");
  const auto rows = [&](Step step) { return rows_of(said[step].text); };
  CHECK(rows(loaded) == rows(all));
  CHECK(rows(own) == rows(filtered));
  CHECK(rows(own).size() < rows(all).size());
}

TEST_CASE("what a script cannot have is an exception with one clear line", "[python]") {
  constexpr std::string_view kText = R"(import memsnap

for wrong in (memsnap.take_snapshot, lambda: memsnap.start(0), lambda: memsnap.start(257),
              lambda: memsnap.start("1"), lambda: memsnap.start(1, engine="fast"), memsnap.size,
              lambda: memsnap.get_snapshot("befor"), lambda: memsnap.site_size("file.cpp"),
              lambda: memsnap.get_object_traceback("1")):
    try:
        wrong()
    except Exception as error:
        print(type(error).__name__, error)
)";
  const PythonFile file(kText);
  Script script("waste_memory");
  const Step printed = script.add(host().run_script(file.path()));
  const Step status = script.memsnap("status --json");
  const Transcript said = script.play();
  CHECK(said[printed].text ==
        "RuntimeError no process; 'memsnap start' arms tracing for the next run\n"
        "ValueError the number of frames must be in range [1; 256]\n"
        "ValueError the number of frames must be in range [1; 256]\n"
        "TypeError 'str' object cannot be interpreted as an integer\n"
        "ValueError 'fast' is no engine; engines are auto, recorder, breakpoint\n"
        "RuntimeError no process; 'memsnap start' arms tracing for the next run\n"
        "LookupError no snapshot 'befor'; there are none, 'memsnap take' takes one\n"
        "ValueError 'file.cpp' is no call site; file.cpp:8 is one\n"
        "TypeError an address is a number, not str\n");
  CHECK(said.json(status)["tracing"] == "no");
}

TEST_CASE("source lines in a script's tracebacks are read where the user keeps them", "[python]") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "waste_memory.cpp") << std::string(10, '\n') << "    moved;\n";
  const auto sources = std::filesystem::path(target_source("waste_memory.cpp")).parent_path().string();
  Script script("waste_memory");
  script.add(host().map_source(sources, folder.path()));
  script.add(host().python(start_of(1)));
  script.break_at("finished");
  script.run_with("1");
  const Step printed =
      script.add(host().python("print([line for row in memsnap.take_snapshot().statistics('traceback') "
                               "if row.traceback[-1].lineno == 11 for line in row.traceback.format()])"));
  const Transcript said = script.play();
  CHECK(said[printed].text ==
        fmt::format("['  File \"{}\", line 11', '    moved;']\n", target_source("waste_memory.cpp")));
}

TEST_CASE("an installed plugin brings its package along", "[python]") {
  const TemporaryFolder folder;
  const auto installed = run_program({MEMSNAP_CMAKE, "--install", MEMSNAP_BUILD, "--prefix", folder.path()});
  CAPTURE(installed.output, installed.error);
  REQUIRE(installed.exit_code == 0);
  const auto answers =
      host().play("", {host().load_plugin(folder.path()), host().load_plugin(folder.path()),
                       host().python("import memsnap; print(memsnap.__file__, memsnap.is_tracing())")});
  CHECK_FALSE(answers[0].error);
  CHECK_FALSE(answers[1].error);
  CHECK(answers[2].text == (folder.path() / "share/memsnap/python/memsnap/__init__.py").string() + " False\n");
}

TEST_CASE("a script of the user's loads memsnap", "[python]") {
  const PythonFile file(fmt::format(R"(command = '{}'
try:
    from gdb import execute
    execute(command)
except ImportError:
    def __lldb_init_module(debugger, _):
        debugger.HandleCommand(command)
)",
                                    host().load_plugin()));
  const auto answers = host().play("", {host().run_script(file.path()), "memsnap list", host().load_plugin()});
  CHECK(answers.at(0).text.empty());
  CHECK(answers.at(1).text == "memsnap: no snapshots; 'memsnap take' takes one\n");
  CHECK_FALSE(answers.at(2).error);
}

}  // namespace
}  // namespace memsnap::test
