#include <fmt/format.h>

#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {

Result<std::string> help(Session& session, Words words) {
  Arguments arguments("help");
  arguments.allow_words(1);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  if (arguments.words().empty()) {
    return help_overview();
  }
  if (const auto* command = find_command(arguments.words().front())) {
    return help_text(*command);
  }
  return run_command(session, arguments.words());  // the same error as typing it
}

}  // namespace memsnap::commands
