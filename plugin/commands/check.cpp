#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/formats/size.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"

namespace memsnap::commands {
namespace {

struct CheckOptions {
  std::optional<std::uint64_t> max_growth;  // bytes
  std::optional<std::uint32_t> max_blocks;
  std::vector<std::string> ignored;  // patterns of call sites
  std::uint32_t limit = 10;
};

bool is_above(std::int64_t growth, const std::optional<std::uint64_t>& most) {
  return most && growth > 0 && static_cast<std::uint64_t>(growth) > *most;
}

std::string blocks_text(std::int64_t count) { return fmt::format("{:+} block{}", count, count == 1 ? "" : "s"); }

// `check passed: before -> after, +12 B, +1 block; allowed: +1024 B`
std::string verdict(const Table& table, const CheckOptions& options, bool holds) {
  std::string allowed;
  if (options.max_growth) {
    allowed = format_size_diff(static_cast<std::int64_t>(*options.max_growth));
  }
  if (options.max_blocks) {
    allowed += (allowed.empty() ? "" : ", ") + blocks_text(*options.max_blocks);
  }
  return fmt::format("check {}: {} -> {}, {}, {}; allowed: {}", holds ? "passed" : "failed", table.older, table.newer,
                     format_size_diff(table.total.size_diff), blocks_text(table.total.count_diff), allowed);
}

Result<CheckOptions> parse(Arguments& arguments, Words words) {
  CheckOptions options;
  arguments.allow_words(2);
  arguments.size("--max-growth", options.max_growth);
  arguments.value("--max-blocks", options.max_blocks);
  arguments.values("--ignore", options.ignored);
  arguments.value("--limit", options.limit);
  bool leaves = false;
  arguments.flag("--exit", leaves);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  if (!options.max_growth && !options.max_blocks) {
    options.max_growth = 0;
  }
  return options;
}

Result<std::string> run_check(Session& session, const std::vector<std::string>& words, const CheckOptions& options) {
  const auto chosen = two_snapshots(session, words);
  if (!chosen) {
    return std::unexpected(chosen.error());
  }
  const auto& [older, newer] = *chosen;
  auto filters = session.filters();
  for (const auto& pattern : options.ignored) {
    Filter known;
    known.inclusive = false;
    set_pattern(known, pattern);
    filters.push_back(std::move(known));
  }
  Progress progress(session.debugger(), "reading symbols");
  auto grouping = grouping_of(session, Key::lineno, false, progress);
  grouping.filters = filters;
  auto ranking = differences(*older, *newer, grouping, session.blame());
  if (!ranking) {
    return std::unexpected(ranking.error());
  }
  auto table = make_table(*older, *newer, grouping, std::move(*ranking));
  const bool holds =
      !is_above(table.total.size_diff, options.max_growth) && !is_above(table.total.count_diff, options.max_blocks);
  const auto line = verdict(table, options, holds);
  if (holds) {
    return "memsnap: " + line + "\n";
  }
  std::erase_if(table.rows, [](const StatisticDiff& row) { return row.size_diff <= 0 && row.count_diff <= 0; });
  auto rows = rows_text(table, {.limit = options.limit}, session.blame(), source_lines(session));
  rows.erase(rows.find_last_not_of('\n') + 1);
  session.set_last_table(std::move(table));
  return fail(Code::check_failed, rows.empty() ? line : line + "\n" + rows);
}

}  // namespace

Result<std::string> check(Session& session, Words words) {
  Arguments arguments("check");
  const auto options = parse(arguments, words);
  auto result = options ? run_check(session, arguments.words(), *options) : std::unexpected(options.error());
  // What could not be checked is no success.
  if (std::ranges::find(words, "--exit") != words.end()) {
    session.leave(result ? 0 : 1);
  }
  return result;
}

}  // namespace memsnap::commands
