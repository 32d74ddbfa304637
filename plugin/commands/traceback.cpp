#include <fmt/format.h>

#include "core/formats/number.h"
#include "core/formats/table.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"

namespace memsnap::commands {

Result<std::size_t> parse_rank(Session& session, const std::string& word) {
  const auto& table = session.last_table();
  if (!table) {
    return fail(Code::not_found, "no table yet; 'memsnap stats' or 'memsnap diff' prints one");
  }
  const std::size_t rank = parse_number<std::uint32_t>(word).value_or(0);
  if (rank == 0) {
    return fail(Code::usage, fmt::format("'{}' is no row's number; rows are numbered from 1", word));
  }
  const auto rows = table->rows.size();
  if (rank > rows) {
    return fail(Code::not_found, rows == 1 ? fmt::format("no row {}; the last table has 1 row", rank)
                                           : fmt::format("no row {}; the last table has {} rows", rank, rows));
  }
  return rank;
}

Result<std::string> traceback(Session& session, Words words) {
  Arguments arguments("traceback");
  arguments.allow_words(1);
  TableOptions options;
  arguments.flag("--all", options.all);
  arguments.flag("--json", options.json);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto rank = parse_rank(session, arguments.words().empty() ? "1" : arguments.words().front());
  if (!rank) {
    return std::unexpected(rank.error());
  }
  const auto& table = session.last_table();
  const auto& row = table->rows[*rank - 1];
  const auto name = row_names(*table)[*rank - 1];
  if (options.json) {
    return traceback_json(*table, row, name, *rank, session.blame());
  }
  const auto sources = source_lines(session);
  return fmt::format("#{} {}\n", *rank, row_text(*table, row, name)) +
         traceback_text(row.largest, options.all, session.blame(), sources);
}

}  // namespace memsnap::commands
