#include "plugin/around.h"

#include <fmt/format.h>

#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {

Result<std::string> around(Session& session, Words words) {
  Arguments arguments("around");
  arguments.allow_words(2);
  AroundOptions options;
  bool goes_on = false;
  options.table.declare(arguments, true);
  arguments.value("--repeat", options.repeat);
  arguments.flag("--continue", goes_on);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  if (goes_on) {
    return words.size() == 1 ? session.around().go_on() : arguments.wrong("--continue goes with nothing else");
  }
  if (arguments.words().empty() || arguments.words().front().empty()) {
    return arguments.wrong("which function?");
  }
  options.function = arguments.words().front();
  if (arguments.words().size() > 1) {
    const auto& word = arguments.words().back();
    const auto key = parse_key(word);
    if (!key) {
      return fail(Code::usage, fmt::format("'{}' is no key; keys are {}", word, key_words()));
    }
    options.key = *key;
  }
  if (options.repeat == 0U) {
    return arguments.wrong("--repeat wants 1 call or more");
  }
  return session.around().begin(std::move(options));
}

}  // namespace memsnap::commands
