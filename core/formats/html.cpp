#include "core/formats/html.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/formats/file_blame.h"
#include "core/formats/frame_json.h"
#include "core/formats/json_line.h"
#include "core/formats/snapshot_json.h"
#include "core/formats/table.h"

extern "C" {
// See cmake/embed.cmake.
__attribute__((visibility("hidden"))) extern const char memsnap_page_begin[];
__attribute__((visibility("hidden"))) extern const char memsnap_page_end[];
}

namespace memsnap {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kKeys = {Key::lineno, Key::filename, Key::function, Key::module, Key::domain, Key::thread};

// What the page is told of a frame beside its names.
constexpr unsigned kHidden = 1;
constexpr unsigned kAllocator = 2;
constexpr unsigned kNoCode = 4;

// [name, file, line, module, flags]; names as indexes of "strings".
class FrameWriter {
 public:
  Json write(const Paths& paths, const HideRules& rules) {
    auto list = Json::array();
    for (const auto& frame : paths.frames) {
      const bool no_code = frame.module.empty() && frame.offset == 0 && !frame.has_line();
      const auto flags = (!no_code && rules.hides(frame) ? kHidden : 0U) | (is_allocator(frame) ? kAllocator : 0U) |
                         (no_code ? kNoCode : 0U);
      list.push_back({text(frame_name(frame)), text(frame.file), frame.line, text(frame.module), flags});
    }
    return list;
  }
  Json strings() { return std::move(strings_); }

 private:
  std::size_t text(const std::string& string) {
    const auto [entry, is_new] = numbers_.try_emplace(string, numbers_.size());
    if (is_new) {
      strings_.push_back(string);
    }
    return entry->second;
  }

  Json strings_ = Json::array();
  std::unordered_map<std::string, std::size_t> numbers_;
};

// The tree of all paths, each node before its children: depth, frame, then what is live at this node itself: size and
// count, and for a difference the older ones. As text at once: there may be a million numbers.
std::string tree_json(const Paths& paths, bool is_diff) {
  std::string tree = "[";
  const auto number = [&tree](std::uint64_t value) {
    const fmt::format_int digits(value);
    tree.append(tree.size() > 1 ? "," : "").append(digits.data(), digits.size());
  };
  const auto add = [&](std::size_t depth, std::uint32_t frame, const Amounts& amounts) {
    number(depth);
    number(frame);
    number(amounts.size);
    number(amounts.count);
    if (is_diff) {
      number(amounts.old_size);
      number(amounts.old_count);
    }
  };
  const std::vector<std::uint32_t> none;
  const auto* before = &none;
  for (const auto& [frames, amounts] : paths.paths) {
    const auto shared = std::ranges::mismatch(*before, frames).in2 - frames.begin();
    for (auto depth = static_cast<std::size_t>(shared); depth < frames.size(); ++depth) {
      add(depth, frames[depth], depth + 1 == frames.size() ? amounts : Amounts{});
    }
    before = &frames;
  }
  return tree += ']';
}

// [name, size, count, size difference, count difference, file, line, function, module]
Json rows_json(const Table& table) {
  const auto names = row_names(table);
  auto rows = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& row = table.rows[i];
    rows.push_back({names[i], row.size, row.count, row.size_diff, row.count_diff, or_null(row.group.file),
                    or_null(row.group.line), or_null(row.group.function), or_null(row.group.module)});
  }
  return rows;
}

Result<Json> tables_json(const SnapshotFile& file, const HideRules& rules) {
  FileBlame blame(file, rules);
  const auto newer = blame.snapshot();
  Json tables;
  for (const auto key : kKeys) {
    Grouping grouping;
    grouping.key = key;
    grouping.domains = file.domains;
    grouping.threads = file.threads;
    if (file.older) {
      const auto older = blame.older();
      auto ranking = differences(older, newer, grouping, blame.blame());
      if (!ranking) {
        return std::unexpected(ranking.error());
      }
      tables[to_string(key)] = rows_json(make_table(older, newer, grouping, std::move(*ranking)));
    } else {
      auto ranking = statistics(newer, grouping, blame.blame());
      if (!ranking) {
        return std::unexpected(ranking.error());
      }
      tables[to_string(key)] = rows_json(make_table(newer, grouping, std::move(*ranking)));
    }
  }
  return tables;
}

// A field of the page's data, as JSON that no HTML parser sees an element in.
void add_field(std::string& html, std::string_view name, std::string_view json) {
  html += fmt::format("{}\"{}\":", html.ends_with('{') ? "" : ",\n", name);
  while (true) {
    const auto markup = json.find('<');  // only in strings
    html += json.substr(0, markup);
    if (markup == std::string_view::npos) {
      return;
    }
    html += "\\u003c";
    json.remove_prefix(markup + 1);
  }
}

void add_json(std::string& html, std::string_view name, const Json& json) { add_field(html, name, to_json_text(json)); }

}  // namespace

Result<std::string> to_html(const SnapshotFile& file, const Paths& paths, const HideRules& rules) {
  constexpr std::string_view kData = "@MEMSNAP_DATA@";
  const std::string_view page(memsnap_page_begin, memsnap_page_end);
  const auto place = page.find(kData);
  if (place == std::string_view::npos) {
    return fail(Code::unsupported, "this memsnap was built without the page for .html; see README, \"Exports\"");
  }
  const auto tables = tables_json(file, rules);
  if (!tables) {
    return std::unexpected(tables.error());
  }
  FrameWriter frames;
  std::string html(page.substr(0, place));
  html += '{';
  add_json(html, "old", file.older ? snapshot_facts(*file.older) : Json());
  add_json(html, "new", snapshot_facts(file.snapshot));
  add_json(html, "frames", frames.write(paths, rules));
  add_json(html, "strings", frames.strings());
  add_field(html, "tree", tree_json(paths, file.older.has_value()));
  add_json(html, "tables", *tables);
  html += '}';
  html += page.substr(place + kData.size());
  return html;
}

}  // namespace memsnap
