#include <algorithm>
#include <utility>

#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"

namespace memsnap::commands {
Result<std::pair<SnapshotPtr, SnapshotPtr>> two_snapshots(Session& session, const std::vector<std::string>& words) {
  const auto& all = session.snapshots().all();
  Result<SnapshotPtr> older;
  Result<SnapshotPtr> newer;
  if (words.empty()) {
    if (all.empty()) {
      return fail(Code::not_found, "no snapshots to compare; 'memsnap take' takes one");
    }
    older = all.size() == 1 ? all.back() : all[all.size() - 2];
    newer = all.size() == 1 ? session.find_snapshot("now") : all.back();
  } else {
    older = session.find_snapshot(words[0]);
    if (!older) {
      return std::unexpected(older.error());
    }
    if (words.size() > 1) {
      newer = session.find_snapshot(words[1]);
    } else {
      const bool is_latest = all.empty() || *older == all.back();
      newer = is_latest ? session.find_snapshot("now") : all.back();
    }
  }
  if (!newer) {
    return std::unexpected(newer.error());
  }
  return std::pair(*older, *newer);
}

Result<SnapshotPtr> find_since(Session& session, const std::string& word) {
  if (word.empty()) {
    return SnapshotPtr();
  }
  auto found = session.snapshots().find(word);
  if (found && session.debugger().state() == InferiorState::core) {
    return fail(Code::unsupported,
                "the snapshots of this session say nothing of when a core file's blocks were born; leave out --since");
  }
  return found;
}

Result<std::string> diff(Session& session, Words words) {
  Arguments arguments("diff");
  arguments.allow_words(3);
  TableOptions options;
  options.declare(arguments, true);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto split = split_table_words(session, arguments.words());
  if (!split) {
    return std::unexpected(split.error());
  }
  if (split->snapshots.size() > 2) {
    return arguments.wrong("one word too many: '" + split->snapshots.back() + "'");
  }
  const auto chosen = two_snapshots(session, split->snapshots);
  if (!chosen) {
    return std::unexpected(chosen.error());
  }
  const auto& [older, newer] = *chosen;
  Progress progress(session.debugger(), "reading symbols");
  const auto grouping = grouping_of(session, split->key, options.cumulative, progress);
  auto ranking = differences(*older, *newer, grouping, session.blame());
  if (!ranking) {
    return std::unexpected(ranking.error());
  }
  return show_table(session, make_table(*older, *newer, grouping, std::move(*ranking)), options);
}

}  // namespace memsnap::commands
