#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {

Result<std::string> hide(Session& session, Words words) {
  Arguments arguments("hide");
  arguments.allow_words(2);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto& plain = arguments.words();
  const auto verb = plain.empty() ? std::string("list") : plain.front();
  auto& rules = session.hide_rules();
  if (verb == "add" || verb == "delete") {
    if (plain.size() < 2) {
      return arguments.wrong("which pattern?");
    }
    if (auto done = verb == "add" ? rules.add(plain[1]) : rules.remove(plain[1]); !done) {
      return std::unexpected(done.error());
    }
    session.on_rules_changed();
    return "";
  }
  if (verb != "list" && verb != "reset") {
    return arguments.wrong("no 'hide " + verb + "'");
  }
  if (plain.size() > 1) {
    return arguments.wrong("one word too many: '" + plain[1] + "'");
  }
  if (verb == "reset") {
    rules.reset();
    session.on_rules_changed();
    return "";
  }
  std::string text;
  for (const auto& pattern : rules.patterns()) {
    text += pattern + "\n";
  }
  return text + "(frames without a source line)\n";
}

}  // namespace memsnap::commands
