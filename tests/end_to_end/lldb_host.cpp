#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/end_to_end/front_end.h"
#include "tests/end_to_end/host.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/temporary.h"
#include "tests/end_to_end/text.h"

namespace memsnap::test {
namespace {

constexpr std::string_view kPrompt = "(lldb) ";
constexpr std::string_view kError = "error: ";
constexpr std::string_view kUnknownCommand = "invalid command ";

// LLDB tells of the process and of breakpoints from a thread of its own, whenever that gets to it.
bool is_from_aside(std::string_view line) {
  return line.starts_with("Process ") || line.find(" added to breakpoint ") != std::string_view::npos;
}

class Lldb : public Host {
 public:
  Lldb(std::string program, bool is_newest) : program_(std::move(program)), is_newest_(is_newest) {}

  std::string missing() const override {
    if (!program_.starts_with('/')) {
      return is_installed(program_) ? "" : program_ + " is not installed";
    }
    if (std::filesystem::exists(program_)) {
      return "";
    }
    std::ifstream reason(std::filesystem::path(program_).parent_path() / "reason");
    std::string line;
    return std::getline(reason, line) ? line : program_ + " is not there; ./dev test unpacks it";
  }

  std::string load_plugin() const override { return "plugin load \"" MEMSNAP_LLDB_PLUGIN "\""; }
  std::string load_plugin(const std::string& prefix) const override {
    return "plugin load \"" + prefix + "/lib/memsnap/memsnap.so\"";
  }
  std::string break_at(const std::string& function) const override { return "breakpoint set -n " + function; }
  std::string break_at(const std::string& file, int line) const override {
    return "breakpoint set -f " + file + " -l " + std::to_string(line);
  }
  std::string delete_breakpoints() const override { return "breakpoint delete -f"; }
  std::string run(const Launch& launch) const override {
    return "process launch -i " + launch.input + " -o " + launch.output + " -e /dev/null -- " +
           quoted(launch.arguments);
  }
  std::string same_addresses() const override { return "settings set target.disable-aslr true"; }
  std::string map_source(const std::string& from, const std::string& to) const override {
    return "settings set target.source-map \"" + from + "\" \"" + to + "\"";
  }
  // LLDB's own conditions are compiled code, which cannot call into the debugger.
  std::vector<std::string> break_if(const std::string& function, const std::string& condition) const override {
    return {break_at(function),
            "breakpoint command add -s python -o 'import memsnap; return " + in_python(condition) + "'"};
  }
  std::string print(const std::string& expression) const override {
    return python("import memsnap; print(" + in_python(expression) + ")");
  }
  // Debian 12's LLDB looks for its half of Python in a folder that is not there.
  std::string missing_python() const override {
    for (const std::string& path : {std::string(), debian_python()}) {
      python_path_ = path;
      std::vector<std::string> words = start();
      words.insert(words.end(), {"--batch", "-o", "script print(6 * 7)"});
      if (run_program(words).output.find("\n42\n") != std::string::npos) {
        return "";
      }
    }
    return program_ + " has no Python";
  }
  std::string python(const std::string& statement) const override { return "script " + statement; }
  std::string run_script(const std::string& file) const override { return "command script import " + file; }
  std::string follow_children() const override { return "settings set target.process.follow-fork-mode child"; }
  std::string stop_at_exec() const override { return "settings set target.process.stop-on-exec true"; }
  std::string attach(pid_t pid) const override { return "process attach -p " + std::to_string(pid); }
  // Before some version it cannot, on Linux.
  std::string save_core(const std::string& file) const override {
    return is_newest_ ? "process save-core --style=full " + file : "";
  }
  std::string open_core(const std::string& program, const std::string& file) const override {
    return "target create --core " + file + " " + quoted({program});
  }

  std::string missing_server() const override {
    return std::filesystem::exists(server()) ? "" : server() + " is not there";
  }
  Served serve(const std::vector<std::string>& command) const override {
    std::vector<std::string> words = {"--"};
    words.insert(words.end(), command.begin(), command.end());
    return start_server(words);
  }
  Served serve(pid_t pid) const override { return start_server({"--attach", std::to_string(pid)}); }

  std::string killed() const override { return " exited with status = 9"; }
  int exit_code(std::string_view transcript) const override {
    constexpr std::string_view kWithStatus = " exited with status = ";
    const std::size_t at = transcript.rfind(kWithStatus);
    return at == std::string_view::npos
               ? -1
               : static_cast<int>(std::strtol(transcript.substr(at + kWithStatus.size()).data(), nullptr, 10));
  }

  std::vector<Answer> play(const std::string& program, const std::vector<std::string>& commands) const override {
    // In a file, because `-o` commands end at the first error. Each is echoed, comments too: these cut the transcript.
    const TemporaryFolder folder;
    const std::string script = folder.path() / "commands";
    std::ofstream file(script);
    for (std::size_t i = 0; i <= commands.size(); ++i) {
      file << mark(i) << '\n' << (i < commands.size() ? commands[i] + '\n' : "");
    }
    file.close();
    std::vector<std::string> words = start();
    words.insert(words.end(), {"--batch", "-o", "command source -e false -c false \"" + script + "\""});
    if (!program.empty()) {
      words.push_back(program);
    }
    const Printed printed = run_program(words, true);
    std::vector<Answer> answers;
    for (std::size_t i = 0; i < commands.size(); ++i) {
      const std::size_t begin = printed.output.find(echo(i));
      const std::size_t end = printed.output.find(echo(i + 1));
      if (begin == std::string::npos || end == std::string::npos) {
        throw std::runtime_error("lldb did not get to the end:\n" + printed.output);
      }
      answers.push_back(
          answer(printed.output.substr(begin + echo(i).size(), end - begin - echo(i).size()), commands[i]));
    }
    return answers;
  }

  std::vector<std::string> batch(const std::string& program, const std::vector<std::string>& commands) const override {
    std::vector<std::string> words = start();
    words.emplace_back("--batch");
    for (const std::string& command : commands) {
      words.insert(words.end(), {"-o", command});
    }
    words.push_back(program);
    return words;
  }

  std::vector<std::string> interactive(const std::string& program) const override {
    std::vector<std::string> words = start();
    // Quiet about the commands above, or their prompts would be taken for the first real one.
    words.insert(words.end(), {"--source-quietly", program});
    return words;
  }
  std::string prompt() const override { return std::string(kPrompt); }

  std::string missing_front_end() const override {
    return std::filesystem::exists(adapter()) ? "" : adapter() + " is not there";
  }
  std::unique_ptr<FrontEnd> front_end() const override { return make_debug_adapter(adapter()); }

 private:
  std::vector<std::string> start() const {
    std::vector<std::string> words;
    if (!python_path_.empty()) {
      words = {"env", "PYTHONPATH=" + python_path_};
    }
    words.insert(words.end(), {program_, "--no-lldbinit",
                               // A container may forbid to switch address randomisation off.
                               "-O", "settings set target.disable-aslr false", "-O",
                               "settings set target.process.stop-on-exec false"});
    return words;
  }

  static std::string in_python(const std::string& expression) {
    return replace_all(expression, "$memsnap_", "memsnap.");
  }

  // Where the debugger itself is.
  std::filesystem::path folder() const {
    const Printed found = run_program({"sh", "-c", "command -v \"$1\"", "sh", program_});
    const std::filesystem::path debugger(found.output.substr(0, found.output.find('\n')));
    std::error_code failed;
    return std::filesystem::canonical(debugger, failed).parent_path();
  }

  // Beside the debugger itself, as it looks for its own.
  std::string server() const { return folder() / "lldb-server"; }

  std::string adapter() const {
    const auto today = folder() / "lldb-dap";
    return std::filesystem::exists(today) ? today : folder() / "lldb-vscode";
  }

  std::string debian_python() const {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder() / "../lib", failed)) {
      const auto packages = entry.path() / "dist-packages";
      if (entry.path().filename().string().starts_with("python3") &&
          std::filesystem::exists(packages / "lldb/embedded_interpreter.py")) {
        return packages.lexically_normal();
      }
    }
    return "";
  }

  // It chooses a port and tells it by its standard output, which the program gets too.
  Served start_server(const std::vector<std::string>& work) const {
    Pipe said = make_pipe();
    std::vector<std::string> words = {server(), "gdbserver", "--pipe", "1", "localhost:0"};
    words.insert(words.end(), work.begin(), work.end());
    auto process = std::make_unique<Process>(words, -1, said.write_end.get(), -1);
    said.write_end.close();
    return {"gdb-remote localhost:" + read_port(said.read_end.get(), ""), std::move(process)};
  }

  static std::string mark(std::size_t number) { return "# memsnap test " + std::to_string(number) + "."; }
  static std::string echo(std::size_t number) { return std::string(kPrompt) + mark(number) + "\n"; }

  // What stands between two marks: the command's echo, then its answer.
  static Answer answer(const std::string& part, const std::string& command) {
    const bool ours = command.starts_with("memsnap");
    Answer result;
    for (std::string_view line : lines_of(part)) {
      if (line.starts_with(kPrompt) || (ours && is_from_aside(line))) {
        continue;
      }
      if (line.starts_with(kUnknownCommand)) {  // LLDB 14 has no "error: " before this one
        result.error = true;
      }
      if (line.starts_with(kError)) {
        result.error = true;
        line.remove_prefix(kError.size());
      }
      result.text.append(line).append("\n");
    }
    return result;
  }

  std::string program_;
  bool is_newest_;
  mutable std::string python_path_;  // that LLDB needs to find its own half of Python
};

}  // namespace

std::unique_ptr<Host> make_lldb(bool newest) {
  return std::make_unique<Lldb>(newest ? MEMSNAP_LLDB22 : "lldb", newest);
}

}  // namespace memsnap::test
