#include <fmt/format.h>

#include <optional>
#include <string>

#include "core/formats/json_line.h"
#include "core/formats/size.h"
#include "plugin/arguments.h"
#include "plugin/commands/block_details.h"
#include "plugin/commands/commands.h"
#include "plugin/commands/expression.h"
#include "plugin/commands/table.h"
#include "plugin/places.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

// An address that is less than this behind a block, and in no other, is spoken of as being past that one's end. Where
// the next block begins is further.
constexpr std::uint64_t kJustPast = 8;  // bytes

// A block, and where in it, or how far past its end, an address is.
struct Found {
  LiveBlock block;
  std::uint64_t offset = 0;
  std::optional<FreedBlock> freed;  // where it is one, which `block` was
};

Result<std::optional<Found>> find_live(Engine& engine, Address address, std::uint64_t slack) {
  const auto block = engine.find_block(address, slack);
  if (!block) {
    return std::unexpected(block.error());
  }
  return *block ? std::optional(Found{**block, address - (*block)->address, std::nullopt}) : std::nullopt;
}

Result<std::optional<Found>> find(Engine& engine, Address address) {
  if (auto live = find_live(engine, address, 0); !live || *live) {
    return live;
  }
  const auto freed = engine.find_freed(address);
  if (!freed) {
    return std::unexpected(freed.error());
  }
  if (*freed) {
    return Found{(*freed)->block, address - (*freed)->block.address, *freed};
  }
  return find_live(engine, address, kJustPast);
}

Json to_json(Session& session, const Found& found) {
  auto& types = session.types();
  return found.freed ? block_json(session, types, *found.freed, found.offset)
                     : block_json(session, types, found.block, found.offset);
}

std::string size_text(std::uint64_t bytes) {
  return bytes < 10240 ? format_size(bytes) : fmt::format("{} ({} B)", format_size(bytes), bytes);
}

std::string past_end(const Found& found) {
  const auto past = found.offset - found.block.size;
  return found.offset < found.block.size || found.offset == 0 ? std::string()
         : past == 0                                          ? " (one past its end)"
                                                              : fmt::format(" ({} bytes past its end)", past);
}

std::string block_text(Session& session, const Found& found, bool all_frames) {
  const auto& block = found.block;
  const auto json = to_json(session, found);
  std::string text = fmt::format("address: {:#x}\nsize: {}\noffset: {}{}\n", block.address.value, size_text(block.size),
                                 found.offset, past_end(found));
  for (const auto* key : {"state", "domain", "thread", "since", "type", "preview"}) {
    const auto& value = json.at(key);
    if (value.is_string()) {
      text += fmt::format("{}: {}\n", key, value.get<std::string>());
    } else if (std::string_view(key) == "type") {
      text += "type: unknown\n";
    }
  }
  const auto sources = source_lines(session);
  if (found.freed) {
    text += fmt::format("freed: {}\n", json.at("freed_thread").get<std::string>()) +
            traceback_text(found.freed->freed_by, all_frames, session.blame(), sources);
  }
  return text + "allocated:\n" + traceback_text(block.origin.traceback, all_frames, session.blame(), sources);
}

Json no_block_json(Address address, const std::string& place) {
  Json json{{"address", address.value}, {"size", nullptr}, {"offset", nullptr}, {"state", "none"}};
  for (const auto* key : {"domain", "thread", "since", "type", "preview", "allocated", "freed"}) {
    json[key] = nullptr;
  }
  json["place"] = place;
  return json;
}

}  // namespace

Result<std::string> block(Session& session, Words words) {
  bool json = false;
  bool all_frames = false;
  const auto expression = split_expression("block", words, {{"--json", &json}, {"--all", &all_frames}});
  if (!expression) {
    return std::unexpected(expression.error());
  }
  const auto engine = session.engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  const auto address = evaluate(session, *expression);
  if (!address) {
    return std::unexpected(address.error());
  }
  const auto found = find(**engine, *address);
  if (!found) {
    return std::unexpected(found.error());
  }
  if (*found) {
    return json ? to_json_line(to_json(session, **found)) : block_text(session, **found, all_frames);
  }
  const auto place = *address ? session.places().find(*address).text : std::string("a null pointer");
  return json ? to_json_line(no_block_json(*address, place)) : fmt::format("{:#x}: {}\n", address->value, place);
}

}  // namespace memsnap::commands
