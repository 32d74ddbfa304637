#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/formats/json_line.h"
#include "core/formats/row_limit.h"
#include "core/formats/size.h"
#include "core/trace/glob.h"
#include "core/trace/row_blocks.h"
#include "plugin/arguments.h"
#include "plugin/commands/block_details.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/table.h"
#include "plugin/memory_window.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

// Which blocks the user wants to see.
struct Wish {
  std::optional<std::size_t> rank;  // in the last table
  SnapshotPtr since;                // born after it; may be null
  std::string type;                 // a glob on its name; may be empty
};

// What the list is of, for people: `blocks, born since 'before', behind #1 main.c:8`.
std::string title(Session& session, const Wish& wish) {
  std::string text = "now, blocks";
  if (wish.rank) {
    text += fmt::format(" behind #{} {}", *wish.rank, row_names(*session.last_table())[*wish.rank - 1]);
  }
  if (wish.since) {
    text += fmt::format(", born since {}", wish.since->name);
  }
  if (!wish.type.empty()) {
    text += fmt::format(", of type {}", wish.type);
  }
  return text + ", by address";
}

// Those that are left of `blocks`. Types are looked up for each, so this comes last.
Result<void> keep_types(Session& session, BlockTypes& types, const Wish& wish, std::vector<LiveBlock>& blocks) {
  const auto& table = session.last_table();
  const bool is_of_row = wish.rank && table->key == Key::type;
  if (!is_of_row && wish.type.empty()) {
    return {};
  }
  MemoryWindow memory(session.debugger().memory());
  Progress progress(session.debugger(), "looking at blocks");
  const auto all = blocks.size();
  std::size_t done = 0;
  bool goes_on = true;
  std::erase_if(blocks, [&](const LiveBlock& block) {
    constexpr std::size_t kStep = 1024;
    if (done % kStep == 0) {
      goes_on = goes_on && progress(static_cast<double>(done) / static_cast<double>(all));
    }
    ++done;
    if (!goes_on) {
      return false;
    }
    const auto [type, row] = types.names(block, memory);
    const bool is_wanted_row = !is_of_row || row == table->rows[*wish.rank - 1].group.label;
    const bool is_wanted_type = wish.type.empty() || glob_matches(wish.type, row) || glob_matches(wish.type, type);
    return !is_wanted_row || !is_wanted_type;
  });
  return goes_on ? Result<void>() : fail(Code::interrupted, "interrupted");
}

Result<std::vector<LiveBlock>> find(Session& session, Engine& engine, BlockTypes& types, const Wish& wish) {
  auto blocks = engine.live_blocks();
  if (!blocks) {
    return blocks;
  }
  if (wish.since) {
    std::erase_if(*blocks, [&](const LiveBlock& block) { return block.epoch < wish.since->id; });
  }
  if (const auto& lost = session.last_lost(); lost && wish.rank) {
    const auto& these = *wish.rank <= lost->first_indirect_row ? lost->directly : lost->indirectly;
    std::erase_if(*blocks, [&](const LiveBlock& block) { return !std::ranges::binary_search(these, block.address); });
  }
  if (wish.rank) {
    const auto& table = *session.last_table();
    Progress progress(session.debugger(), "reading symbols");
    const auto grouping = grouping_of(session, table.key, table.cumulative, progress);
    RowBlocks row(grouping, table.rows[*wish.rank - 1].group, session.blame());
    std::erase_if(*blocks, [&](const LiveBlock& block) { return !row.has(block.origin); });
  }
  if (auto kept = keep_types(session, types, wish, *blocks); !kept) {
    return std::unexpected(kept.error());
  }
  return blocks;
}

std::string line(Session& session, BlockTypes& types, const LiveBlock& block) {
  const auto type = types.type(block);
  auto text = fmt::format("{:#x}: size={}, type={}", block.address.value, format_size(block.size),
                          type.empty() ? "unknown" : type);
  if (const auto since = since_name(session, block); !since.empty()) {
    text += fmt::format(", since={}", since);
  }
  const auto preview = types.preview(block);
  return text + (preview.empty() ? "" : ", ") + preview + "\n";
}

Json to_json(Session& session, BlockTypes& types, const std::vector<LiveBlock>& blocks, std::size_t shown,
             std::uint64_t size) {
  auto rows = Json::array();
  for (std::size_t i = 0; i < shown; ++i) {
    rows.push_back(block_json(session, types, blocks[i], std::nullopt));
  }
  return {{"snapshot", "now"},
          {"rows", std::move(rows)},
          {"total", {{"size", size}, {"count", blocks.size()}}},
          {"rows_total", blocks.size()}};
}

}  // namespace

Result<std::string> blocks(Session& session, Words words) {
  Arguments arguments("blocks");
  arguments.allow_words(1);
  std::string since;
  std::uint32_t limit = 10;
  bool json = false;
  Wish wish;
  arguments.value("--since", since);
  arguments.value("--type", wish.type);
  arguments.value("--limit", limit);
  arguments.flag("--json", json);
  if (auto parsed = arguments.parse(words); !parsed) {
    return std::unexpected(parsed.error());
  }
  const auto engine = session.engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  if (!arguments.words().empty()) {
    const auto rank = parse_rank(session, arguments.words().front());
    if (!rank) {
      return std::unexpected(rank.error());
    }
    wish.rank = *rank;
  }
  const auto snapshot = find_since(session, since);
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  wish.since = *snapshot;
  auto& types = session.types();
  const auto found = find(session, **engine, types, wish);
  if (!found) {
    return std::unexpected(found.error());
  }
  std::uint64_t size = 0;
  for (const auto& block : *found) {
    size += block.size;
  }
  const auto shown = rows_shown(limit, found->size());
  if (json) {
    return to_json_line(to_json(session, types, *found, shown, size));
  }
  auto text = title(session, wish) + "\n";
  for (std::size_t i = 0; i < shown; ++i) {
    text += line(session, types, (*found)[i]);
  }
  return text + more_text(found->size() - shown, "block") +
         fmt::format("Total: size={}, count={}\n", format_size(size), found->size());
}

}  // namespace memsnap::commands
