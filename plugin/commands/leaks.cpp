#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/formats/json_line.h"
#include "core/formats/number.h"
#include "core/formats/row_limit.h"
#include "core/heap/reachability.h"
#include "plugin/arguments.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"
#include "plugin/heap_search.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

// Rows of one kind of loss, and where they begin in the table of both.
struct Part {
  std::string_view word;  // "directly", "indirectly"
  std::size_t first = 0;
  std::size_t count = 0;
  StatisticDiff total{};
};

// One table, so that a row of either part can be asked for by its rank.
struct LostTable {
  Table table;
  std::array<Part, 2> parts;
  std::string since;  // a snapshot's name; empty where all blocks were asked for
  bool has_unknown_blocks = false;
  std::size_t blocks = 0;  // that were asked for, lost or not
  std::size_t lost = 0;    // of them, whatever the filters say
};

Snapshot lost_blocks(const HeapSearch& heap, const std::vector<Reach>& reach, Reach wanted, std::uint32_t epoch) {
  std::map<Origin, LiveCount> counts;
  Snapshot lost;
  for (std::size_t i = 0; i < reach.size(); ++i) {
    const auto& block = heap.blocks()[i];
    if (reach[i] == wanted && block.epoch >= epoch) {
      auto& count = counts[block.origin];
      count.size += block.size;
      ++count.count;
      lost.size += block.size;
      ++lost.count;
    }
  }
  for (auto& [origin, count] : counts) {
    count.origin = origin;
    lost.counts.push_back(count);
  }
  return lost;
}

std::vector<Address> addresses(const HeapSearch& heap, const std::vector<Reach>& reach, Reach wanted,
                               std::uint32_t epoch) {
  std::vector<Address> found;
  for (std::size_t i = 0; i < reach.size(); ++i) {
    if (const auto& block = heap.blocks()[i]; reach[i] == wanted && block.epoch >= epoch) {
      found.push_back(block.address);
    }
  }
  return found;
}

Result<LostTable> rank(Session& session, const HeapSearch& heap, const std::vector<Reach>& reach,
                       const Snapshot* since) {
  LostTable lost;
  const auto epoch = since == nullptr ? 0 : since->id;
  lost.since = since == nullptr ? std::string() : since->name;
  lost.has_unknown_blocks = heap.has_unknown_blocks();
  lost.blocks = static_cast<std::size_t>(
      std::ranges::count_if(heap.blocks(), [epoch](const LiveBlock& block) { return block.epoch >= epoch; }));
  lost.parts = {Part{.word = "directly"}, Part{.word = "indirectly"}};
  for (auto& part : lost.parts) {
    const auto kind = part.word == "directly" ? Reach::directly_lost : Reach::indirectly_lost;
    auto blocks = lost_blocks(heap, reach, kind, epoch);
    blocks.name = "now";
    Progress progress(session.debugger(), "reading symbols");
    const auto grouping = grouping_of(session, Key::lineno, false, progress);
    auto ranking = statistics(blocks, grouping, session.blame());
    if (!ranking) {
      return std::unexpected(ranking.error());
    }
    auto table = make_table(blocks, grouping, std::move(*ranking));
    part.total = table.total;
    part.first = lost.table.rows.size();
    part.count = table.rows.size();
    lost.lost += blocks.count;
    table.total.size += lost.table.total.size;
    table.total.count += lost.table.total.count;
    table.rows.insert(table.rows.begin(), lost.table.rows.begin(), lost.table.rows.end());
    lost.table = std::move(table);
  }
  return lost;
}

std::string none_text(const LostTable& lost) {
  const auto born = lost.since.empty() ? std::string() : fmt::format(" born since '{}'", lost.since);
  if (lost.lost != 0) {
    return fmt::format("memsnap: no lost block{} passes the filters\n", born);
  }
  return lost.blocks == 0
             ? fmt::format("memsnap: nothing is lost: no block{} is live\n", born)
             : fmt::format("memsnap: nothing is lost: all {} blocks{} can be reached\n", lost.blocks, born);
}

std::string lost_text(const LostTable& lost, std::size_t limit) {
  const auto& table = lost.table;
  std::string text;
  const auto names = row_names(table);
  for (const auto& part : lost.parts) {
    if (part.count == 0) {
      continue;
    }
    text += fmt::format("now, {} lost, by lineno{}\n", part.word,
                        lost.since.empty() ? std::string() : fmt::format(", born since '{}'", lost.since));
    const auto shown = rows_shown(limit, part.count);
    for (auto i = part.first; i < part.first + shown; ++i) {
      text += fmt::format("#{} {}\n", i + 1, row_text(table, table.rows[i], names[i]));
    }
    text += more_text(part.count - shown, "row");
  }
  text += table.rows.empty() ? none_text(lost) : "Total: " + numbers_text(table, table.total) + '\n';
  // A block that only one of those holds would be called lost; so what may be of the past counts as well.
  return text + (lost.has_unknown_blocks ? "Not all blocks are known: memory between the known ones counts as "
                                           "reachable, and may hide lost ones.\n"
                                         : "");
}

std::string lost_json(Session& session, const LostTable& lost, std::size_t limit) {
  auto json = Json::parse(table_json(lost.table, {.limit = 0}, session.blame()));
  auto rows = Json::array();
  for (const auto& part : lost.parts) {
    const auto shown = rows_shown(limit, part.count);
    for (auto i = part.first; i < part.first + shown; ++i) {
      auto& row = json["rows"][i];
      row["lost"] = part.word;
      rows.push_back(std::move(row));
    }
  }
  json["rows"] = std::move(rows);
  for (const auto& part : lost.parts) {
    json[std::string(part.word)] = {{"size", part.total.size}, {"count", part.total.count}};
  }
  json["since"] = lost.since.empty() ? Json() : Json(lost.since);
  json["blocks"] = lost.blocks;
  json["all_known"] = !lost.has_unknown_blocks;
  return to_json_line(json);
}

}  // namespace

Result<std::string> leaks(Session& session, Words words) {
  Arguments arguments("leaks");
  std::string since;
  std::uint32_t limit = 10;
  bool json = false;
  arguments.value("--since", since);
  arguments.value("--limit", limit);
  arguments.flag("--json", json);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto snapshot = find_since(session, since);
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  const auto heap = HeapSearch::open(session);
  if (!heap) {
    return std::unexpected(heap.error());
  }
  auto reach = Result<std::vector<Reach>>();
  {
    Progress progress(session.debugger(), "looking for what can be reached");
    const auto graph = BlockGraph::read(heap->view(), [&progress](double share) { return progress(share); });
    if (!graph) {
      return std::unexpected(graph.error());
    }
    reach = find_reach(*graph);
  }
  auto lost = rank(session, *heap, *reach, snapshot->get());
  if (!lost) {
    return std::unexpected(lost.error());
  }
  const auto epoch = *snapshot == nullptr ? 0 : (*snapshot)->id;
  LostBlocks blocks{.directly = addresses(*heap, *reach, Reach::directly_lost, epoch),
                    .indirectly = addresses(*heap, *reach, Reach::indirectly_lost, epoch),
                    .first_indirect_row = lost->parts.back().first};
  auto text = json ? lost_json(session, *lost, limit) : lost_text(*lost, limit);
  session.set_last_table(std::move(lost->table), std::move(blocks));
  return text;
}

}  // namespace memsnap::commands
