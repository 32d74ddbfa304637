#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/end_to_end/host.h"
#include "tests/end_to_end/text.h"

namespace memsnap::test {

/// A step of a script, to ask for its answer later.
enum class Step : std::size_t {};

/// What a played script was answered.
class Transcript {
 public:
  Transcript(std::vector<std::string> commands, std::vector<Answer> answers)
      : commands_(std::move(commands)), answers_(std::move(answers)) {}

  const Answer& operator[](Step step) const { return answers_.at(static_cast<std::size_t>(step)); }
  /// The answer's text with folders and addresses made equal.
  std::string text(Step step) const { return normalised((*this)[step].text); }
  /// The answer's text as JSON; an error or other text throws, with that text.
  nlohmann::json json(Step step) const;
  /// Exit code of the program; -1 where it did not end by itself.
  int exit_code() const { return host().exit_code(whole()); }
  /// All commands and answers, for people.
  std::string whole() const;

 private:
  std::vector<std::string> commands_;
  std::vector<Answer> answers_;
};

/// A session with a debugger, written down first and then played as a whole. The plugin is loaded in front.
class Script {
 public:
  /// `program` is the name of one in tests/targets, a whole path, or empty for none.
  explicit Script(const std::string& program);

  /// `start` names this run's engine where `words` do not.
  Step memsnap(const std::string& words);
  Step break_at(const std::string& function) { return add(host().break_at(function)); }
  Step break_at_site(const std::string& file, const std::string& site) {
    return add(host().break_at(file, line_of(file, site)));
  }
  /// See Host::break_if.
  void break_if(const std::string& function, const std::string& condition);
  Step run(const Launch& launch = {}) { return add(host().run(launch)); }
  Step run_with(const std::string& argument) { return run({.arguments = {argument}}); }
  Step cont() { return add("continue"); }
  Step kill() { return add("kill"); }
  Step attach(pid_t pid) { return add(host().attach(pid)); }
  Step detach() { return add("detach"); }
  /// A command that is the same words in every debugger.
  Step add(const std::string& command);

  /// Plays it in this run's debugger. The transcript is shown if the test fails.
  Transcript play() const;

 private:
  std::string program_;
  std::vector<std::string> commands_;
};

/// What is shown if the running test fails.
void remember_transcript(const std::string& transcript);

}  // namespace memsnap::test
