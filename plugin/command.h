#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "plugin/session.h"

namespace memsnap {

/// The words of a command after its name, as the debugger split them.
using Words = std::span<const std::string>;

/// One command: all that the adapters register, and what runs.
struct Command {
  std::string_view name;     ///< the word after `memsnap`
  std::string_view usage;    ///< the words after the name; arguments in capitals
  std::string_view summary;  ///< one line
  std::string_view help;     ///< more lines; may be empty; each ended by '\n'
  /// Runs it. What it returns is the output, lines ended by '\n'.
  Result<std::string> (*run)(Session& session, Words words);
  /// What the word after `words` may be; may be null.
  std::vector<std::string> (*complete)(Session& session, Words words);
};

/// Every command, in the order of the help.
std::span<const Command> command_table();
/// By name, or nullptr.
const Command* find_command(std::string_view name);

/// Runs `memsnap WORDS...`. The one entry for adapters: a wrong name is an error that names the commands, and nothing
/// is thrown.
Result<std::string> run_command(Session& session, Words words);
/// Completions of the last of `words` after `memsnap`, which may be empty.
std::vector<std::string> complete_command(Session& session, Words words);

/// `memsnap NAME USAGE`.
std::string usage_line(const Command& command);
/// The help of a command, as `memsnap help NAME` prints it.
std::string help_text(const Command& command);
/// The list of commands, as `memsnap help` prints it.
std::string help_overview();

}  // namespace memsnap
