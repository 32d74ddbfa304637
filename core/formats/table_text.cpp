#include <fmt/format.h>

#include <algorithm>

#include "core/formats/row_limit.h"
#include "core/formats/size.h"
#include "core/formats/table.h"

namespace memsnap {
namespace {

// `, +100 B (+1) a call`: rounded away from 0, so that nothing that grew is told as none.
std::string per_call_text(const Table& table, const StatisticDiff& row) {
  const auto calls = static_cast<std::int64_t>(table.calls);
  const auto more = row.size_diff % calls == 0 ? 0 : (row.size_diff < 0 ? -1 : 1);
  auto blocks = fmt::format("{:+.2f}", static_cast<double>(row.count_diff) / static_cast<double>(calls));
  blocks.erase(blocks.find_last_not_of('0') + 1);
  if (blocks.ends_with('.')) {
    blocks.pop_back();
  }
  return fmt::format(", {} ({}) a call", format_size_diff(row.size_diff / calls + more), blocks);
}

std::string header_text(const Table& table) {
  return fmt::format("{}{}, by {}{}{}{}\n", table.is_diff ? table.older + " -> " : "", table.newer,
                     to_string(table.key), table.cumulative ? ", cumulative" : "",
                     table.calls == 0 ? "" : fmt::format(", {} call{}", table.calls, table.calls == 1 ? "" : "s"),
                     table.since_start_only ? ", since memsnap start (older blocks are not known)" : "");
}

}  // namespace

std::string numbers_text(const Table& table, const StatisticDiff& row) {
  return table.is_diff ? fmt::format("size={} ({}), count={} ({:+})", format_size(row.size),
                                     format_size_diff(row.size_diff), row.count, row.count_diff)
                       : fmt::format("size={}, count={}", format_size(row.size), row.count);
}

std::string row_text(const Table& table, const StatisticDiff& row, std::string_view name) {
  auto text = fmt::format("{}: {}", name, numbers_text(table, row));
  if (row.count != 0) {
    text += ", average=" + format_average(row.size, row.count);
  }
  return text;
}

std::string rows_text(const Table& table, const TableStyle& style, Blame& blame, const SourceLines& sources) {
  const auto names = row_names(table);
  const auto shown = rows_shown(style.limit, names.size());
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& row = table.rows[i];
    text += fmt::format("#{} {}", i + 1, row_text(table, row, names[i]));
    if (table.calls != 0) {
      text += fmt::format("{}, grew in {} of {}", per_call_text(table, row), table.grown_calls[i], table.calls);
    }
    text += '\n';
    if (row.group.traceback) {
      text += traceback_text(*row.group.traceback, style.all_frames, blame, sources);
    }
  }
  return text + more_text(names.size() - shown, "row");
}

std::string table_text(const Table& table, const TableStyle& style, Blame& blame, const SourceLines& sources) {
  return header_text(table) + rows_text(table, style, blame, sources) +
         fmt::format("Total: {}{}\n", numbers_text(table, table.total),
                     table.calls == 0 ? "" : per_call_text(table, table.total));
}

}  // namespace memsnap
