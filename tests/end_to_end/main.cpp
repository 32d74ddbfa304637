#define CATCH_CONFIG_RUNNER
#include <algorithm>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/catch_listener.h"
#include "tests/end_to_end/host.h"
#include "tests/end_to_end/process.h"
#include "tests/end_to_end/script.h"

namespace memsnap::test {
namespace {

std::vector<std::string>& transcripts() {
  static std::vector<std::string> all;
  return all;
}

// Shows the sessions of a test that failed, and leaves nothing running behind any test.
class Aftermath : public CatchListener {
 public:
  using CatchListener::CatchListener;

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (stats.totals.assertions.failed > 0) {
      for (const std::string& transcript : transcripts()) {
        std::cerr << "---- session\n" << transcript << "----\n";
      }
    }
    transcripts().clear();
    kill_descendants();
    CatchListener::testCaseEnded(stats);
  }
};
CATCH_REGISTER_LISTENER(Aftermath)

// What the chosen tests need beside the debugger.
std::string missing_need(std::string_view need) {
  if (need == "server") {
    return host().missing_server();
  }
  if (need == "front-end") {
    return host().missing_front_end();
  }
  if (need == "python") {
    return host().missing_python();
  }
  return is_installed(std::string(need)) ? "" : std::string(need) + " is not installed";
}

// `--host NAME`, `--engine NAME` and `--needs NAME` are ours, the rest is Catch2's. Without a host the tests can be
// listed, not run.
int run(std::vector<char*> arguments) {
  const auto engine_option =
      std::ranges::find_if(arguments, [](const char* word) { return std::strcmp(word, "--engine") == 0; });
  if (engine_option != arguments.end() && std::next(engine_option) != arguments.end()) {
    set_engine(*std::next(engine_option));
    arguments.erase(engine_option, engine_option + 2);
  }
  const auto option =
      std::ranges::find_if(arguments, [](const char* word) { return std::strcmp(word, "--host") == 0; });
  if (option != arguments.end() && std::next(option) != arguments.end()) {
    set_host(make_host(*std::next(option)));
    arguments.erase(option, option + 2);
    std::string missing = host().missing();
    const auto need =
        std::ranges::find_if(arguments, [](const char* word) { return std::strcmp(word, "--needs") == 0; });
    if (need != arguments.end() && std::next(need) != arguments.end()) {
      missing = missing.empty() ? missing_need(*std::next(need)) : missing;
      arguments.erase(need, need + 2);
    }
    if (!missing.empty()) {
      std::cout << "skipped: " << missing << '\n';
      return kSkip;
    }
  } else if (std::ranges::none_of(arguments, [](const char* word) { return std::strncmp(word, "--list", 6) == 0; })) {
    std::cerr << "which debugger? --host gdb, lldb or lldb22\n";
    return 1;
  }
  adopt_orphans();
  return Catch::Session().run(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

void remember_transcript(const std::string& transcript) { transcripts().push_back(transcript); }

}  // namespace memsnap::test

int main(int argc, char** argv) {
  try {
    return memsnap::test::run({argv, argv + argc});
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
