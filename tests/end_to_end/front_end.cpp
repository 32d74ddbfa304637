#include "tests/end_to_end/front_end.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "tests/end_to_end/text.h"

namespace memsnap::test {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kAnswerPatience{60};

// A program that is asked by its standard input, and answers by its standard output.
class Asked {
 public:
  explicit Asked(const std::vector<std::string>& command)
      : input_(make_pipe()),
        output_(make_pipe()),
        process_(command, input_.read_end.get(), output_.write_end.get(), -1) {
    input_.read_end.close();
    output_.write_end.close();
  }

  void write(std::string_view text) {
    while (!text.empty()) {
      const auto count = ::write(input_.write_end.get(), text.data(), text.size());
      if (count < 0) {
        throw std::system_error(errno, std::generic_category(), "write to the debugger");
      }
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // All up to and including `wanted`.
  std::string read_to(std::string_view wanted) {
    auto at = pending_.find(wanted);
    for (; at == std::string::npos; at = pending_.find(wanted)) {
      read_more();
    }
    return take(at + wanted.size());
  }
  std::string read(std::size_t count) {
    while (pending_.size() < count) {
      read_more();
    }
    return take(count);
  }
  int close() {
    input_.write_end.close();
    const auto deadline = std::chrono::steady_clock::now() + kAnswerPatience;
    while (read_some(output_.read_end.get(), said_, deadline)) {
    }
    return process_.wait(deadline);
  }
  const std::string& said() const { return said_; }

 private:
  void read_more() {
    std::string more;
    bool is_open = false;
    try {
      is_open = read_some(output_.read_end.get(), more, std::chrono::steady_clock::now() + kAnswerPatience);
    } catch (const std::runtime_error& late) {
      throw std::runtime_error(std::string(late.what()) + " after\n" + said_);
    }
    if (!is_open) {
      throw std::runtime_error("the debugger ended after\n" + said_);
    }
    said_ += more;
    pending_ += more;
  }
  std::string take(std::size_t count) {
    std::string taken = pending_.substr(0, count);
    pending_.erase(0, count);
    return taken;
  }

  Pipe input_;
  Pipe output_;
  Process process_;
  std::string pending_;
  std::string said_;
};

// Source: the GDB manual, 27.2, GDB/MI command syntax. A string there is one of C, and JSON's but for \e and octals.
std::string unquoted(std::string_view text) { return Json::parse(text).get<std::string>(); }

class MachineInterface final : public FrontEnd {
 public:
  explicit MachineInterface(const std::vector<std::string>& command) : gdb_(command) { gdb_.read_to(kPrompt); }

  void launch(const std::string& program, const std::vector<std::string>& commands,
              const std::vector<std::string>& functions) override {
    ask("-file-exec-and-symbols " + Json(program).dump());
    for (const auto& command : commands) {
      console(command);
    }
    for (const auto& function : functions) {
      ask("-break-insert " + function);
    }
    resume("-exec-run");
  }
  void go_on() override { resume("-exec-continue"); }

  Answer console(const std::string& command) override {
    return ask("-interpreter-exec console " + Json(command).dump());
  }
  int close() override {
    gdb_.write("-gdb-exit\n");
    return gdb_.close();
  }
  const std::string& said() const override { return gdb_.said(); }

 private:
  static constexpr std::string_view kPrompt = "(gdb) \n";

  Answer ask(const std::string& request) {
    gdb_.write(request + "\n");
    Answer answer;
    auto said = gdb_.read_to(kPrompt);
    if (said.find("^running\n") != std::string::npos) {
      said += gdb_.read_to(kPrompt);  // it let the program go on
    }
    for (std::string_view line : lines_of(said)) {
      constexpr std::string_view kError = "^error,msg=";
      if (line.starts_with('~')) {
        answer.text += unquoted(line.substr(1));
      } else if (line.starts_with(kError)) {
        answer.error = true;
        answer.text += unquoted(line.substr(kError.size())) + "\n";
      }
    }
    return answer;
  }
  void resume(const std::string& request) {
    gdb_.write(request + "\n");
    gdb_.read_to("\n*stopped");
    gdb_.read_to(kPrompt);
  }

  Asked gdb_;
};

// Source: https://microsoft.github.io/debug-adapter-protocol/specification
class DebugAdapter final : public FrontEnd {
 public:
  explicit DebugAdapter(const std::string& program) : adapter_({program}) {
    request("initialize", {{"adapterID", "lldb"}, {"pathFormat", "path"}});
  }

  void launch(const std::string& program, const std::vector<std::string>& commands,
              const std::vector<std::string>& functions) override {
    // It has no program before those of preRunCommands.
    const auto number = send("launch", {{"program", program},
                                        {"disableASLR", false},
                                        {"initCommands", {commands.front()}},
                                        {"preRunCommands", std::vector(commands.begin() + 1, commands.end())}});
    await([](const Json& message) { return message.value("event", "") == "initialized"; });
    Json breakpoints = Json::array();
    for (const auto& function : functions) {
      breakpoints.push_back({{"name", function}});
    }
    request("setFunctionBreakpoints", {{"breakpoints", breakpoints}});
    const auto done = send("configurationDone", Json::object());
    static_cast<void>(number + done);
    await_stop();
  }
  void go_on() override {
    request("continue", {{"threadId", thread_}});
    await_stop();
  }
  Answer console(const std::string& command) override {
    const auto said = request("evaluate", {{"expression", "`" + command}, {"context", "repl"}});
    Answer answer;
    const auto result = said["body"].value("result", "");
    for (std::string_view line : lines_of(result)) {
      constexpr std::string_view kError = "error: ";
      if (line.starts_with("(lldb) ")) {
        continue;
      }
      if (line.starts_with(kError)) {
        answer.error = true;
        line.remove_prefix(kError.size());
      }
      answer.text.append(line).append("\n");
    }
    return answer;
  }
  int close() override {
    request("disconnect", {{"terminateDebuggee", true}});
    return adapter_.close();
  }
  const std::string& said() const override { return adapter_.said(); }

 private:
  int send(const std::string& command, const Json& arguments) {
    ++number_;
    const auto text =
        Json{{"seq", number_}, {"type", "request"}, {"command", command}, {"arguments", arguments}}.dump();
    adapter_.write(fmt::format("Content-Length: {}\r\n\r\n{}", text.size(), text));
    return number_;
  }
  Json receive() {
    const auto head = adapter_.read_to("\r\n\r\n");
    return Json::parse(adapter_.read(std::stoul(head.substr(head.find(':') + 1))));
  }
  template <typename Wanted>
  Json await(Wanted is_wanted) {
    for (;;) {
      auto message = receive();
      if (is_wanted(message)) {
        return message;
      }
    }
  }
  Json request(const std::string& command, const Json& arguments) {
    const auto number = send(command, arguments);
    return await([&](const Json& message) {
      return message.value("type", "") == "response" && message.value("request_seq", 0) == number;
    });
  }
  void await_stop() {
    const auto stopped = await([](const Json& message) { return message.value("event", "") == "stopped"; });
    thread_ = stopped["body"].value("threadId", 0);
  }

  Asked adapter_;
  int number_ = 0;
  int thread_ = 0;
};

}  // namespace

std::unique_ptr<FrontEnd> make_machine_interface(const std::vector<std::string>& command) {
  return std::make_unique<MachineInterface>(command);
}

std::unique_ptr<FrontEnd> make_debug_adapter(const std::string& program) {
  return std::make_unique<DebugAdapter>(program);
}

}  // namespace memsnap::test
