#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

#include "tests/end_to_end/front_end.h"
#include "tests/end_to_end/host.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/text.h"

namespace memsnap::test {
namespace {

// Both streams of gdb get a line of ours before each command, so that each can be cut into answers.
constexpr std::string_view kMark = "@@memsnap-test@@";

class Gdb : public Host {
 public:
  std::string missing() const override { return is_installed("gdb") ? "" : "gdb is not installed"; }

  std::string load_plugin() const override { return "source " MEMSNAP_GDB_PLUGIN; }
  std::string load_plugin(const std::string& prefix) const override {
    return "source " + prefix + "/share/memsnap/memsnap.py";
  }
  std::string break_at(const std::string& function) const override { return "break " + function; }
  std::string break_at(const std::string& file, int line) const override {
    return "break " + file + ":" + std::to_string(line);
  }
  std::string delete_breakpoints() const override { return "delete"; }
  std::string run(const Launch& launch) const override {
    return "run " + quoted(launch.arguments) + " <" + launch.input + " >" + launch.output;
  }
  std::string same_addresses() const override { return "set disable-randomization on"; }
  std::string map_source(const std::string& from, const std::string& to) const override {
    return "set substitute-path \"" + from + "\" \"" + to + "\"";
  }
  std::vector<std::string> break_if(const std::string& function, const std::string& condition) const override {
    return {"break " + function + " if " + condition};
  }
  std::string print(const std::string& expression) const override { return "print " + expression; }
  std::string missing_python() const override { return ""; }
  std::string python(const std::string& statement) const override { return "python " + statement; }
  std::string run_script(const std::string& file) const override { return "source " + file; }
  std::string follow_children() const override { return "set follow-fork-mode child"; }
  std::string stop_at_exec() const override { return "catch exec"; }
  std::string attach(pid_t pid) const override { return "attach " + std::to_string(pid); }
  std::string save_core(const std::string& file) const override { return "generate-core-file " + file; }
  std::string open_core(const std::string&, const std::string& file) const override { return "core-file " + file; }

  std::string missing_server() const override { return is_installed("gdbserver") ? "" : "gdbserver is not installed"; }
  // Through a pipe, so that no port is needed and nothing can be left behind.
  Served serve(const std::vector<std::string>& command) const override {
    return {"target remote | gdbserver --once --no-startup-with-shell - " + quoted(command), nullptr};
  }
  Served serve(pid_t pid) const override {
    return {"target remote | gdbserver --once --attach - " + std::to_string(pid), nullptr};
  }

  std::string killed() const override { return " killed]"; }
  int exit_code(std::string_view transcript) const override {
    constexpr std::string_view kWithCode = " exited with code ";
    const std::size_t at = transcript.rfind(kWithCode);
    if (at != std::string_view::npos) {
      return static_cast<int>(std::strtol(transcript.substr(at + kWithCode.size()).data(), nullptr, 8));
    }
    return transcript.find(" exited normally]") != std::string_view::npos ? 0 : -1;
  }

  std::vector<Answer> play(const std::string& program, const std::vector<std::string>& commands) const override {
    std::vector<std::string> words = start();
    words.insert(words.end(), {"-batch", "-ex", "python import os"});
    for (const std::string& command : commands) {
      add_mark(words);
      words.insert(words.end(), {"-ex", command});
    }
    add_mark(words);
    if (!program.empty()) {
      words.push_back(program);
    }
    const Printed printed = run_program(words);
    const std::vector<std::string> output = split(printed.output, fmt::format("{}\n", kMark));
    const std::vector<std::string> errors = split(printed.error, fmt::format("{}\n", kMark));
    if (output.size() != commands.size() + 2 || errors.size() != commands.size() + 2) {
      throw std::runtime_error("gdb did not get to the end:\n" + printed.output + "\n" + printed.error);
    }
    std::vector<Answer> answers;
    for (std::size_t i = 1; i <= commands.size(); ++i) {
      answers.push_back({.text = output[i] + errors[i], .error = !errors[i].empty()});
    }
    return answers;
  }

  std::vector<std::string> batch(const std::string& program, const std::vector<std::string>& commands) const override {
    std::vector<std::string> words = start();
    words.emplace_back("-batch");
    for (const std::string& command : commands) {
      words.insert(words.end(), {"-ex", command});
    }
    words.push_back(program);
    return words;
  }

  std::vector<std::string> interactive(const std::string& program) const override {
    std::vector<std::string> words = start();
    words.insert(words.end(), {"-q", program});
    return words;
  }
  std::string prompt() const override { return "(gdb) "; }

  std::string missing_front_end() const override { return ""; }
  std::unique_ptr<FrontEnd> front_end() const override {
    auto words = start();
    words.insert(words.end(), {"-q", "--interpreter=mi"});
    return make_machine_interface(words);
  }

 private:
  static std::vector<std::string> start() {
    return {"gdb", "-nx", "-iex", "set debuginfod enabled off", "-iex", "set confirm off", "-iex", "set pagination off",
            "-iex", "set width 0", "-iex", "set breakpoint pending on",
            // A container may forbid to switch address randomisation off.
            "-iex", "set disable-randomization off"};
  }

  static void add_mark(std::vector<std::string>& words) {
    const std::string mark(kMark);
    words.insert(words.end(), {"-ex", "echo " + mark + "\\n", "-ex", "python os.write(2, b'" + mark + "\\n')"});
  }
};

}  // namespace

std::unique_ptr<Host> make_gdb() { return std::make_unique<Gdb>(); }

}  // namespace memsnap::test
