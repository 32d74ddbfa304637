#include <fmt/format.h>

#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {
namespace {

std::string to_text(const Filter& filter) {
  return fmt::format("{} {}{}{}\n", filter.inclusive ? "include" : "exclude", filter.pattern,
                     filter.line == 0 ? std::string() : fmt::format(":{}", filter.line),
                     filter.all_frames ? " --all-frames" : "");
}

}  // namespace

Result<std::string> filter(Session& session, Words words) {
  Arguments arguments("filter");
  arguments.allow_words(2);
  Filter made;
  arguments.flag("--all-frames", made.all_frames);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto& plain = arguments.words();
  const auto verb = plain.empty() ? std::string("list") : plain.front();
  if (verb == "include" || verb == "exclude") {
    if (plain.size() < 2 || plain[1].empty()) {
      return arguments.wrong("which pattern?");
    }
    made.inclusive = verb == "include";
    set_pattern(made, plain[1]);
    session.filters().push_back(made);
    return "";
  }
  if (verb != "list" && verb != "clear") {
    return arguments.wrong("no 'filter " + verb + "'");
  }
  if (plain.size() > 1) {
    return arguments.wrong("one word too many: '" + plain[1] + "'");
  }
  if (verb == "clear") {
    session.filters().clear();
    return "";
  }
  std::string text;
  for (const auto& each : session.filters()) {
    text += to_text(each);
  }
  return text.empty() ? "memsnap: no filters; every block is shown\n" : text;
}

}  // namespace memsnap::commands
