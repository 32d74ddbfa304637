#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"
#include "plugin/type_rows.h"

namespace memsnap::commands {

Grouping grouping_of(Session& session, Key key, bool cumulative, Progress& progress) {
  return {.key = key,
          .cumulative = cumulative,
          .filters = session.filters(),
          .domains = session.recording().domains.names(),
          .threads = session.recording().threads.names(),
          .types = key == Key::type ? types_by_traceback(session) : TypesOf(),
          .progress = [&progress](double share) { return progress(share); }};
}

SourceLines source_lines(Session& session) {
  session.sources().forget();  // the user may have said meanwhile where they are
  return [&session](const std::string& file, std::uint32_t line) { return session.sources().line(file, line); };
}

std::string show_table(Session& session, Table table, const TableOptions& options) {
  const auto sources = source_lines(session);
  const TableStyle style{.limit = options.limit, .all_frames = options.all};
  auto text =
      options.json ? table_json(table, style, session.blame()) : table_text(table, style, session.blame(), sources);
  session.set_last_table(std::move(table));
  return text;
}

Result<std::string> stats(Session& session, Words words) {
  Arguments arguments("stats");
  arguments.allow_words(2);
  TableOptions options;
  options.declare(arguments, true);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto split = split_table_words(session, arguments.words());
  if (!split) {
    return std::unexpected(split.error());
  }
  if (split->snapshots.size() > 1) {
    return arguments.wrong("one word too many: '" + split->snapshots.back() + "'");
  }
  const auto snapshot =
      split->snapshots.empty() ? session.latest_snapshot() : session.find_snapshot(split->snapshots.front());
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  Progress progress(session.debugger(), "reading symbols");
  auto grouping = grouping_of(session, split->key, options.cumulative, progress);
  if (constexpr std::uint32_t kNow = 0; grouping.key == Key::type && (*snapshot)->id == kNow) {
    grouping.types = types_by_block(session);
  }
  auto ranking = statistics(**snapshot, grouping, session.blame());
  if (!ranking) {
    return std::unexpected(ranking.error());
  }
  return show_table(session, make_table(**snapshot, grouping, std::move(*ranking)), options);
}

}  // namespace memsnap::commands
