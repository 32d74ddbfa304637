#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/formats/frame_json.h"
#include "core/formats/json_line.h"
#include "core/formats/number.h"
#include "core/formats/row_limit.h"
#include "core/formats/size.h"
#include "core/heap/references.h"
#include "core/module.h"
#include "core/trace/frame.h"
#include "plugin/commands/block_details.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/expression.h"
#include "plugin/heap_search.h"
#include "plugin/places.h"
#include "plugin/progress.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

// Names blocks and what points to them.
class Namer {
 public:
  Namer(Session& session, const HeapSearch& heap)
      : session_(session), heap_(heap), places_(session.places()), types_(session.types()) {}

  std::string call_site(BlockIndex index) {
    return session_.blame().call_site_name(heap_.blocks()[index].origin.traceback);
  }

  // `block 0x4052a0+16 of 64 B, 'next' of Node, list.cpp:12`, and the like.
  std::string holder(const Reference& reference) {
    switch (reference.holder) {
      case Reference::Holder::word: {
        const auto& root = heap_.registers()[reference.index];
        return fmt::format("register {} of {}", to_string(root.which), thread_name(root.thread));
      }
      case Reference::Holder::range:
        return places_.find(reference.place).text;
      case Reference::Holder::block:
        break;
    }
    const auto& block = heap_.blocks()[reference.index];
    const auto offset = reference.place - block.address;
    const auto member = types_.member_path(block, offset);
    return fmt::format("block {:#x}+{} of {}, {}{}", block.address.value, offset, format_size(block.size),
                       member.empty() ? std::string() : fmt::format("'{}' of {}, ", member, types_.type(block)),
                       call_site(reference.index));
  }

  Json json(const Reference& reference) {
    Json json{{"kind", nullptr},   {"address", nullptr},       {"offset", reference.offset},
              {"block", nullptr},  {"size", nullptr},          {"call_site", nullptr},
              {"thread", nullptr}, {"register", nullptr},      {"type", nullptr},
              {"member", nullptr}, {"name", nullptr},          {"name_offset", nullptr},
              {"module", nullptr}, {"text", holder(reference)}};
    if (reference.holder == Reference::Holder::word) {
      const auto& root = heap_.registers()[reference.index];
      json["kind"] = "register";
      json["thread"] = thread_name(root.thread);
      json["register"] = to_string(root.which);
      return json;
    }
    json["address"] = reference.place.value;
    if (reference.holder == Reference::Holder::block) {
      const auto& block = heap_.blocks()[reference.index];
      json["kind"] = "block";
      json["block"] = block.address.value;
      json["size"] = block.size;
      json["call_site"] = call_site(reference.index);
      json["type"] = or_null(types_.type(block));
      json["member"] = or_null(types_.member_path(block, reference.place - block.address));
      return json;
    }
    const auto place = places_.find(reference.place);
    json["kind"] = kind_word(place.kind);
    if (place.thread != OsThreadId{}) {
      json["thread"] = thread_name(place.thread);
    }
    if (!place.name.empty()) {
      json["name"] = place.name;
      json["name_offset"] = place.offset;
    }
    if (!place.module.empty()) {
      json["module"] = place.module;
    }
    if (place.variable) {
      json["variable"] = place.variable->name;
      json["variable_offset"] = place.variable->offset;
    }
    return json;
  }

 private:
  static std::string_view kind_word(PlaceKind kind) {
    switch (kind) {
      case PlaceKind::stack:
      case PlaceKind::below_stack:
        return "stack";
      case PlaceKind::thread_local_:
        return "thread-local";
      case PlaceKind::variable:
      case PlaceKind::constant:
      case PlaceKind::code:
        return "global";
      default:
        return "memory";
    }
  }
  std::string thread_name(OsThreadId thread) { return to_string(session_.debugger().thread_label(thread)); }

  Session& session_;
  const HeapSearch& heap_;
  Places places_;
  BlockTypes& types_;
};

std::string arrow(const Reference& reference) {
  return reference.offset == 0 ? std::string() : fmt::format(" -> +{}", reference.offset);
}

// The rows, but for those in the middle where there are more than `limit`: the ends of a way are what is asked for.
std::string path_rows(const std::vector<std::string>& rows, std::size_t limit) {
  std::string text;
  const auto shown = rows_shown(limit, rows.size());
  const auto hidden = rows.size() - shown;
  const auto first = (shown + 1) / 2;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (hidden == 0 || i < first || i >= first + hidden) {
      text += fmt::format("#{} {}\n", i + 1, rows[i]);
    } else if (i == first) {
      text += fmt::format("... {} step{} between\n", hidden, hidden == 1 ? "" : "s");
    }
  }
  return text;
}

struct RefsOptions {
  bool path = false;
  bool json = false;
  std::uint32_t limit = 10;
};

std::string references_text(Namer& namer, const std::vector<Reference>& found, const RefsOptions& options) {
  if (found.empty()) {
    return "nothing points to it\n";
  }
  std::string text;
  const auto shown = rows_shown(options.limit, found.size());
  for (std::size_t i = 0; i < shown; ++i) {
    text += fmt::format("#{} {}{}\n", i + 1, namer.holder(found[i]), arrow(found[i]));
  }
  if (const auto more = found.size() - shown; more != 0) {
    text += fmt::format("... and {} more\n", more);
  }
  return text;
}

std::string path_text(Namer& namer, const HeapSearch& heap, const std::vector<PathStep>& path,
                      const RefsOptions& options) {
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto& step = path[i];
    rows.push_back(step.reference ? namer.holder(*step.reference) + arrow(*step.reference)
                                  : fmt::format("block {:#x} lies in it",
                                                heap.blocks()[path[i - (i == 0 ? 0 : 1)].block].address.value));
  }
  return path.empty() ? "nothing that is reachable leads to it\n" : path_rows(rows, options.limit);
}

Result<RefsOptions> take_limit(std::vector<std::string>& words) {
  RefsOptions options;
  const auto found = std::ranges::find(words, "--limit");
  if (found == words.end()) {
    return options;
  }
  const auto value = std::next(found);
  const auto number = value == words.end() ? std::nullopt : parse_number<std::uint32_t>(*value);
  if (!number) {
    return fail(Code::usage,
                value == words.end() ? "--limit wants a value" : fmt::format("'{}' is no number for --limit", *value));
  }
  options.limit = *number;
  words.erase(found, std::next(value));
  return options;
}

}  // namespace

Result<std::string> refs(Session& session, Words words) {
  std::vector<std::string> rest(words.begin(), words.end());
  auto options = take_limit(rest);
  if (!options) {
    return std::unexpected(options.error());
  }
  const auto expression = split_expression("refs", rest, {{"--path", &options->path}, {"--json", &options->json}});
  if (!expression) {
    return std::unexpected(expression.error());
  }
  if (const auto engine = session.engine(); !engine) {
    return std::unexpected(engine.error());
  }
  const auto address = evaluate(session, *expression);
  if (!address) {
    return std::unexpected(address.error());
  }
  const auto heap = HeapSearch::open(session);
  if (!heap) {
    return std::unexpected(heap.error());
  }
  const auto block = heap->map().find(*address);
  if (block == kNoBlock) {
    return fail(Code::not_found,
                fmt::format("{:#x} is in no block: {}", address->value, session.places().find(*address).text));
  }
  Progress progress(session.debugger(), "looking for pointers");
  const auto goes_on = [&progress](double share) { return progress(share); };
  Namer namer(session, *heap);
  const auto& live = heap->blocks()[block];
  Json json{{"address", live.address.value},
            {"size", live.size},
            {"offset", *address - live.address},
            {"call_site", namer.call_site(block)}};
  auto text =
      fmt::format("{:#x}: a block of {}, {}\n", live.address.value, format_size(live.size), namer.call_site(block));
  if (options->path) {
    const auto path = find_path(heap->view(), block, goes_on);
    if (!path) {
      return std::unexpected(path.error());
    }
    json["path"] = Json::array();
    for (const auto& step : options->json ? *path : std::vector<PathStep>()) {
      json["path"].push_back(step.reference ? namer.json(*step.reference) : Json());
    }
    return options->json ? to_json_line(json) : text + path_text(namer, *heap, *path, *options);
  }
  const auto found = find_references(heap->view(), block, goes_on);
  if (!found) {
    return std::unexpected(found.error());
  }
  json["refs"] = Json::array();
  const auto shown = rows_shown(options->limit, found->size());
  for (std::size_t i = 0; options->json && i < shown; ++i) {
    json["refs"].push_back(namer.json((*found)[i]));
  }
  json["refs_total"] = found->size();
  return options->json ? to_json_line(json) : text + references_text(namer, *found, *options);
}

}  // namespace memsnap::commands
