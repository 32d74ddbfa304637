#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/formats/frame_json.h"
#include "core/formats/json_line.h"
#include "core/formats/row_limit.h"
#include "core/formats/table.h"

namespace memsnap {
namespace {

using Json = nlohmann::ordered_json;

void add_numbers(Json& json, const Table& table, const StatisticDiff& row) {
  json["size"] = row.size;
  json["count"] = row.count;
  if (table.is_diff) {
    json["size_diff"] = row.size_diff;
    json["count_diff"] = row.count_diff;
  }
}

Json row_json(const Table& table, const StatisticDiff& statistic, std::string_view name, std::size_t rank) {
  const auto& group = statistic.group;
  Json row;
  row["rank"] = rank;
  row["name"] = name;
  row["file"] = or_null(group.file);
  row["line"] = or_null(group.line);
  row["function"] = or_null(group.function);
  row["module"] = or_null(group.module);
  add_numbers(row, table, statistic);
  return row;
}

}  // namespace

std::string table_json(const Table& table, const TableStyle& style, Blame& blame) {
  const auto names = row_names(table);
  Json json;
  if (table.is_diff) {
    json["old"] = table.older;
    json["new"] = table.newer;
  } else {
    json["snapshot"] = table.newer;
  }
  json["key"] = to_string(table.key);
  json["cumulative"] = table.cumulative;
  if (table.calls != 0) {
    json["calls"] = table.calls;
  }
  json["rows"] = Json::array();
  const auto shown = rows_shown(style.limit, names.size());
  for (std::size_t i = 0; i < shown; ++i) {
    auto row = row_json(table, table.rows[i], names[i], i + 1);
    if (table.calls != 0) {
      row["grown_calls"] = table.grown_calls[i];
    }
    const auto traceback = table.rows[i].group.traceback;
    row["traceback"] = traceback ? frames_json(blame.judged_frames(*traceback)) : Json();
    json["rows"].push_back(std::move(row));
  }
  add_numbers(json["total"], table, table.total);
  json["rows_total"] = table.rows.size();
  return to_json_line(json);
}

std::string traceback_json(const Table& table, const StatisticDiff& row, std::string_view name, std::size_t rank,
                           Blame& blame) {
  auto json = row_json(table, row, name, rank);
  json["traceback"] = frames_json(blame.judged_frames(row.largest));
  return to_json_line(json);
}

}  // namespace memsnap
