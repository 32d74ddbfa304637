#include <fmt/format.h>

#include "core/formats/table.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"

namespace memsnap::commands {

Result<std::string> take(Session& session, Words words) {
  Arguments arguments("take");
  arguments.allow_words(1);
  bool json = false;
  arguments.flag("--json", json);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  if (!arguments.words().empty()) {
    if (auto free_to_use = session.snapshots().check_name(arguments.words().front()); !free_to_use) {
      return std::unexpected(free_to_use.error());
    }
  }
  const auto snapshot = session.take(arguments.words().empty() ? std::string() : arguments.words().front());
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  return (json ? snapshot_json(**snapshot) : snapshot_text(**snapshot)) + "\n";
}

Result<std::string> list(Session& session, Words words) {
  Arguments arguments("list");
  bool json = false;
  arguments.flag("--json", json);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto& snapshots = session.snapshots().all();
  std::string text;
  if (json) {
    for (const auto& snapshot : snapshots) {
      text += (text.empty() ? "[" : ", ") + snapshot_json(*snapshot);
    }
    return (text.empty() ? "[" : text) + "]\n";
  }
  for (const auto& snapshot : snapshots) {
    text += snapshot_text(*snapshot) + "\n";
  }
  return text.empty() ? "memsnap: no snapshots; 'memsnap take' takes one\n" : text;
}

Result<std::string> remove(Session& session, Words words) {
  Arguments arguments("delete");
  arguments.allow_words(1);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  if (arguments.words().empty()) {
    return arguments.wrong("which snapshot?");
  }
  const auto& word = arguments.words().front();
  if (word == "all") {
    session.snapshots().clear();
    return "";
  }
  if (auto removed = session.snapshots().remove(word); !removed) {
    return std::unexpected(removed.error());
  }
  return "";
}

}  // namespace memsnap::commands
