#include "plugin/scripts/script_calls.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/fake_debugger.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

using test::FakeDebugger;
using test::FakeProgram;
using test::FakeThread;
using Json = nlohmann::json;
using List = std::vector<std::string>;

// A debugger with a session that scripts can call.
struct Scripted {
  Scripted() {
    debugger.on_breakpoint = [this](Address address, StoppedThread& which) {
      return session.on_breakpoint(address, which);
    };
  }

  void launch() {
    debugger.inferior = InferiorState::stopped;
    debugger.mapped = program.all();
    session.on_modules_changed();
  }
  void allocate(std::uint64_t function, std::uint64_t size, std::uint64_t block) {
    thread.push(FakeProgram::in(FakeProgram::main));
    thread.call(FakeProgram::malloc, FakeProgram::in(function), {size});
    thread.leave(block);
    thread.rsp += 8;
  }

  // What a call is answered; "KIND: MESSAGE" where it failed.
  std::string operator()(const List& words) {
    const auto answer = scripts.call(words);
    return answer.kind.empty() ? answer.text : std::string(answer.kind) + ": " + answer.text;
  }
  Json json(const List& words) { return Json::parse((*this)(words)); }

  FakeDebugger debugger;
  FakeProgram program;
  Session session{debugger};
  ScriptCalls scripts{session};
  FakeThread thread{debugger, 1, "main"};
};

// Which is traced, and has two blocks from `grow` and one from `leak`.
struct Grown : Scripted {
  explicit Grown(const std::string& frames = "16") {
    REQUIRE((*this)({"start", frames, "breakpoint"}).empty());
    launch();
    allocate(FakeProgram::grow, 1000, 0x5000);
    allocate(FakeProgram::grow, 500, 0x6000);
    allocate(FakeProgram::leak, 20000, 0x8000);
  }
};

// The lines of a snapshot's traces, as statistics by lineno would have them.
std::vector<std::string> sites(const Json& snapshot) {
  std::vector<std::string> all;
  for (const auto& trace : snapshot["traces"]) {
    const auto& traceback = snapshot["tracebacks"][trace[4].get<std::size_t>()];
    const auto& frame = snapshot["frames"][traceback[1].get<std::size_t>()];
    all.push_back(frame[0].get<std::string>() + " " + trace[2].dump() + " " + trace[3].dump());
  }
  std::ranges::sort(all);
  return all;
}

TEST_CASE("where nothing is traced scripts are told zeros, and what cannot be is an error", "[unit]") {
  Scripted scripts;
  CHECK(scripts({"state"}) == R"({"tracing":false,"limit":32})");
  CHECK(scripts({"memory"}) == "[0,0]");
  CHECK(scripts({"overhead"}) == "0");
  for (const std::string name : {"stop", "clear", "reset-peak"}) {
    CHECK(scripts({name}).empty());
  }
  CHECK(scripts({"block", "4096"}) == "null");
  const std::string nothing = "failed: no process; 'memsnap start' arms tracing for the next run";
  CHECK(scripts({"snapshot", "now"}) == nothing);
  CHECK(scripts({"size"}) == nothing);
  CHECK(scripts({"snapshot", "befor"}) == "not_found: no snapshot 'befor'; there are none, 'memsnap take' takes one");
  for (const std::string frames : {"0", "257", "-1", "x", ""}) {
    CHECK(scripts({"start", frames, "auto"}) == "usage: the number of frames must be in range [1; 256]");
  }
  CHECK(scripts({"start", "1", "fast"}) == "usage: 'fast' is no engine; engines are auto, recorder, breakpoint");
  CHECK(scripts({"block", "x"}) == "usage: 'x' is no address");
  CHECK(scripts({"stop", "now"}) == "usage: no call 'stop' with 1 arguments");
  CHECK(scripts({}) == "usage: which call?");
  CHECK(scripts({"load", "/nowhere/x"}) == "io: cannot read '/nowhere/x': No such file or directory");
  CHECK(scripts({"dump", "1", "/nowhere/x"}) == "not_found: no snapshot has this handle");
}

TEST_CASE("a script's start arms tracing, records enough frames to find call sites, and does nothing again", "[unit]") {
  Scripted scripts;
  CHECK(scripts({"start", "1", "breakpoint"}).empty());
  CHECK(scripts({"state"}) == R"({"tracing":true,"limit":1})");
  CHECK(scripts.session.options().frames == 32);
  CHECK(scripts({"start", "5", "auto"}).empty());
  CHECK(scripts({"state"}) == R"({"tracing":true,"limit":1})");
  CHECK(scripts({"memory"}) == "[0,0]");
  CHECK(scripts({"stop"}).empty());
  CHECK(scripts({"start", "100", "breakpoint"}).empty());
  CHECK(scripts.session.options().frames == 100);
  scripts({"stop"});
  const List command = {"start", "10", "--engine", "breakpoint"};
  REQUIRE(run_command(scripts.session, command).has_value());
  CHECK(scripts({"state"}) == R"({"tracing":true,"limit":10})");
}

TEST_CASE("a script reads what is live", "[unit]") {
  Grown scripts;
  CHECK(scripts({"memory"}) == "[21500,21500]");
  CHECK(scripts({"size"}) == "21500");
  CHECK(scripts({"count"}) == "3");
  CHECK(scripts({"site", "file.cpp:8"}) == "0");
  CHECK(scripts({"site", "file.cpp"}).starts_with("usage: 'file.cpp' is no call site"));
  CHECK(std::stoull(scripts({"overhead"})) > 0);
  CHECK(scripts({"clear"}).empty());
  CHECK(scripts({"memory"}) == "[0,0]");
}

TEST_CASE("a snapshot's tracebacks begin with their call sites", "[unit]") {
  Grown scripts;
  const auto snapshot = scripts.json({"snapshot", "now"});
  CHECK(snapshot["limit"] == 16);
  CHECK(sites(snapshot) == List{"program!grow() 1500 2", "program!leak() 20000 1"});
  for (const auto& trace : snapshot["traces"]) {
    CHECK(snapshot["domains"][trace[0].get<std::size_t>()] == "malloc");
  }
  CHECK(snapshot["threads"][0].get<std::string>().starts_with("thread 1"));
  const auto& traceback = snapshot["tracebacks"][0];
  REQUIRE(traceback.size() == 3);
  CHECK(traceback[0] == 2);
  const auto& caller = snapshot["frames"][traceback[2].get<std::size_t>()];
  CHECK(caller[0] == "program!main");
  CHECK(caller[2] == "main");
  CHECK(caller[3].get<std::string>().ends_with("/program"));
  // Both have one caller: it stands there once.
  CHECK(snapshot["frames"].size() == 3);
}

TEST_CASE("a script that wants one frame sees the call site alone", "[unit]") {
  Grown scripts("1");
  const auto snapshot = scripts.json({"snapshot", "now"});
  CHECK(snapshot["limit"] == 1);
  CHECK(sites(snapshot) == List{"program!grow() 1500 2", "program!leak() 20000 1"});
  for (const auto& traceback : snapshot["tracebacks"]) {
    CHECK(traceback.size() == 2);
    CHECK(traceback[0] == 2);
  }
  CHECK(scripts.json({"block", "32768"})["tracebacks"][0].size() == 2);
}

TEST_CASE("a script asks for the traceback of the block that holds an address", "[unit]") {
  Grown scripts;
  const auto site = [&](std::uint64_t address) {
    const auto answer = scripts.json({"block", std::to_string(address)});
    return answer.is_null() ? "" : sites(answer).front();
  };
  CHECK(site(0x5000) == "program!grow() 1000 1");
  CHECK(site(0x5000 + 999) == "program!grow() 1000 1");
  CHECK(site(0x5000 + 1000).empty());
  CHECK(site(0x4fff).empty());
  CHECK(site(0x8001) == "program!leak() 20000 1");
}

TEST_CASE("what a script dumps, whole or in part, is loaded again, with the frames that it wanted", "[unit]") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("after.pb.gz", "");
  Grown scripts("1");
  const auto snapshot = scripts.json({"snapshot", "now"});
  const auto handle = snapshot["handle"].dump();
  CHECK(scripts({"dump", handle, file}).empty());
  Scripted other;
  const auto loaded = other.json({"load", file});
  CHECK(sites(loaded) == sites(snapshot));
  CHECK(loaded["limit"] == 1);
  CHECK(loaded["tracebacks"][0].size() == 2);
  CHECK(other.session.snapshots().all().empty());
  CHECK(scripts({"dump", handle, file, "[1]"}).empty());
  const auto part = other.json({"load", file});
  CHECK(sites(part).size() == 1);
  CHECK(part["handle"] != loaded["handle"]);
  CHECK(scripts({"dump", handle, file, "[7]"}).starts_with("failed: "));
  CHECK(scripts({"dump", handle, folder.write("x", "") + "/x"}).starts_with("io: cannot write '"));
  CHECK(scripts({"release", handle}).empty());
  CHECK(scripts({"dump", handle, file}) == "not_found: no snapshot has this handle");
}

TEST_CASE("a script reads the snapshots of commands, with all their frames", "[unit]") {
  Grown scripts;
  const List take = {"take", "before"};
  REQUIRE(run_command(scripts.session, take).has_value());
  scripts.allocate(FakeProgram::leak, 5, 0x9000);
  CHECK(sites(scripts.json({"snapshot", "before"})) == List{"program!grow() 1500 2", "program!leak() 20000 1"});
  CHECK(sites(scripts.json({"snapshot", "now"})) == List{"program!grow() 1500 2", "program!leak() 20005 2"});
}

TEST_CASE("Ctrl-C ends a script's call", "[unit]") {
  Grown scripts;
  scripts.debugger.ctrl_c = true;
  CHECK(scripts({"snapshot", "now"}) == "interrupted: interrupted");
}

}  // namespace
}  // namespace memsnap
