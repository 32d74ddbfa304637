#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/trace/statistic.h"

namespace memsnap {

/// Reads line `line` (1-based) of a source file, without its end of line; nullopt where it cannot be read.
using SourceLines = std::function<std::optional<std::string>(const std::string& file, std::uint32_t line)>;

/// One table as it is printed: a ranking of a snapshot (older is empty) or of a difference.
struct Table {
  Key key = Key::lineno;
  bool cumulative = false;
  bool is_diff = false;
  bool since_start_only = false;
  std::string older;  ///< name of the older snapshot, for a difference
  std::string newer;  ///< name of the snapshot
  /// Ranked. For a plain ranking the differences are 0.
  std::vector<StatisticDiff> rows;
  StatisticDiff total;  ///< see Ranking::total
  /// The calls of a function that a difference is of; 0 where it is of none.
  std::uint32_t calls = 0;
  std::vector<std::uint32_t> grown_calls;  ///< with `calls`: in how many of them each row grew, by row
};

Table make_table(const Snapshot& snapshot, const Grouping& grouping, Ranking<Statistic> ranking);
/// Drops the rows whose two differences are both zero. total.size is the newer snapshot's.
Table make_table(const Snapshot& older, const Snapshot& newer, const Grouping& grouping,
                 Ranking<StatisticDiff> ranking);

struct TableStyle {
  std::size_t limit = 10;   ///< rows; 0 for all
  bool all_frames = false;  ///< show hidden frames in tracebacks
};

/// The rows' names in a table: base names, or the shortest suffix of the path that no other file of the table shares.
/// Shape: one for each row, all rows of the table.
std::vector<std::string> row_names(const Table& table);

/// `size=2392 KiB (+2392 KiB), count=29990 (+29990)` of a row or a total, without the parentheses where nothing is
/// compared.
std::string numbers_text(const Table& table, const StatisticDiff& row);

/// `name: size=..., count=..., average=...` of one row, without rank.
std::string row_text(const Table& table, const StatisticDiff& row, std::string_view name);

/// Its rows alone, with their ranks, and what `limit` leaves out of them.
std::string rows_text(const Table& table, const TableStyle& style, Blame& blame, const SourceLines& sources);
/// The table as text, every line ended by '\n'; see commands.md, "Sizes and lines".
std::string table_text(const Table& table, const TableStyle& style, Blame& blame, const SourceLines& sources);
/// The table as one line of JSON, ended by '\n'; see commands.md, "JSON and status".
std::string table_json(const Table& table, const TableStyle& style, Blame& blame);

/// A traceback's lines, each ended by '\n'; hidden frames folded unless `all_frames`.
std::string traceback_text(TracebackId id, bool all_frames, Blame& blame, const SourceLines& sources);

/// A row and its largest traceback as one line of JSON, ended by '\n': a row of table_json with its traceback.
std::string traceback_json(const Table& table, const StatisticDiff& row, std::string_view name, std::size_t rank,
                           Blame& blame);

/// `Snapshot #1 'before': size=2392 KiB, count=29990, average=82 B`, without end of line.
std::string snapshot_text(const Snapshot& snapshot);
/// {"id", "name", "size", "count", "tracebacks", "peak", "engine", "frames"}, without end of line.
std::string snapshot_json(const Snapshot& snapshot);

}  // namespace memsnap
