#include "core/formats/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/module.h"

namespace memsnap {
namespace {

// The last `components` parts of a path; all of it where it has no more.
std::string_view suffix(std::string_view path, std::size_t components) {
  auto at = path.size();
  for (std::size_t i = 0; i < components; ++i) {
    if (at == 0) {
      return path;
    }
    const auto slash = path.rfind('/', at - 1);
    if (slash == std::string_view::npos) {
      return path;
    }
    at = slash;
  }
  return path.substr(at + 1);
}

// For each path the shortest suffix that no other one ends in; the path itself where one of the others ends in it.
std::map<std::string, std::string> short_names(const std::set<std::string>& paths) {
  std::map<std::string, std::string> names;
  std::vector<std::string_view> open(paths.begin(), paths.end());
  for (std::size_t components = 1; !open.empty(); ++components) {
    // Only the paths still open can share a longer suffix: one that does shared the shorter ones, too.
    std::map<std::string_view, std::size_t> uses;
    for (const auto path : open) {
      ++uses[suffix(path, components)];
    }
    std::erase_if(open, [&](std::string_view path) {
      const auto name = suffix(path, components);
      const bool done = uses[name] == 1 || name == path;
      if (done) {
        names.emplace(path, name);
      }
      return done;
    });
  }
  return names;
}

}  // namespace

Table make_table(const Snapshot& snapshot, const Grouping& grouping, Ranking<Statistic> ranking) {
  Table table;
  table.key = grouping.key;
  table.cumulative = grouping.cumulative;
  table.since_start_only = snapshot.since_start_only;
  table.newer = snapshot.name;
  table.rows.reserve(ranking.rows.size());
  for (auto& row : ranking.rows) {
    table.rows.push_back({std::move(row.group), row.size, row.count, 0, 0, row.largest});
  }
  table.total.size = ranking.total.size;
  table.total.count = ranking.total.count;
  return table;
}

Table make_table(const Snapshot& older, const Snapshot& newer, const Grouping& grouping,
                 Ranking<StatisticDiff> ranking) {
  Table table;
  table.key = grouping.key;
  table.cumulative = grouping.cumulative;
  table.is_diff = true;
  table.since_start_only = older.since_start_only || newer.since_start_only;
  table.older = older.name;
  table.newer = newer.name;
  table.rows = std::move(ranking.rows);
  std::erase_if(table.rows, [](const StatisticDiff& row) { return row.size_diff == 0 && row.count_diff == 0; });
  table.total = std::move(ranking.total);
  return table;
}

std::vector<std::string> row_names(const Table& table) {
  std::set<std::string> files;
  std::set<std::string> modules;
  for (const auto& row : table.rows) {
    (row.group.file.empty() ? modules : files).insert(row.group.file.empty() ? row.group.module : row.group.file);
  }
  const auto short_files = short_names(files);
  const auto short_modules = short_names(modules);
  std::vector<std::string> names;
  names.reserve(table.rows.size());
  for (const auto& row : table.rows) {
    const auto& group = row.group;
    if (group.file.empty()) {
      // The label begins with the module's base name where there is a module.
      names.push_back(short_modules.at(group.module) + group.label.substr(base_name(group.module).size()));
    } else if (group.line == 0) {
      names.push_back(short_files.at(group.file));
    } else {
      names.push_back(fmt::format("{}:{}", short_files.at(group.file), group.line));
    }
  }
  return names;
}

}  // namespace memsnap
