#include "tests/end_to_end/script.h"

#include <stdexcept>

namespace memsnap::test {

nlohmann::json Transcript::json(Step step) const {
  const Answer& answer = (*this)[step];
  nlohmann::json value = nlohmann::json::parse(answer.text, nullptr, false);
  if (answer.error || value.is_discarded()) {
    throw std::runtime_error("no JSON: " + answer.text);
  }
  return value;
}

std::string Transcript::whole() const {
  std::string result;
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    result += "> " + commands_[i] + "\n" + (answers_[i].error ? "[error] " : "") + answers_[i].text;
  }
  return result;
}

Script::Script(const std::string& program)
    : program_(program.empty() || program.starts_with('/') ? program : target(program)) {
  add(host().load_plugin());
}

Step Script::memsnap(const std::string& words) {
  const bool names_none = words.starts_with("start") && words.find("--engine") == std::string::npos;
  return add("memsnap " + words + (names_none && engine() != "auto" ? " --engine " + engine() : ""));
}

void Script::break_if(const std::string& function, const std::string& condition) {
  for (const std::string& command : host().break_if(function, condition)) {
    add(command);
  }
}

Step Script::add(const std::string& command) {
  commands_.push_back(command);
  return Step{commands_.size() - 1};
}

Transcript Script::play() const {
  Transcript transcript(commands_, host().play(program_, commands_));
  remember_transcript(transcript.whole());
  if (const Answer& loaded = transcript[Step{0}]; loaded.error) {
    throw std::runtime_error("the plugin does not load: " + loaded.text);
  }
  return transcript;
}

}  // namespace memsnap::test
