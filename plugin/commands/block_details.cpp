#include "plugin/commands/block_details.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/formats/frame_json.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string since_name(Session& session, const LiveBlock& block) {
  if (block.epoch == 0) {
    return {};
  }
  const auto& all = session.snapshots().all();
  const auto found = std::ranges::find(all, block.epoch, [](const SnapshotPtr& snapshot) { return snapshot->id; });
  return found == all.end() ? fmt::format("{}", block.epoch) : (*found)->name;
}

nlohmann::ordered_json block_json(Session& session, BlockTypes& types, const LiveBlock& block,
                                  std::optional<std::uint64_t> offset) {
  const auto& recording = session.recording();
  return Json{{"address", block.address.value},
              {"size", block.size},
              {"offset", offset ? Json(*offset) : Json()},
              {"state", "live"},
              {"domain", recording.domains.names().at(static_cast<std::size_t>(block.origin.domain))},
              {"thread", recording.threads.names().at(static_cast<std::size_t>(block.origin.thread))},
              {"since", or_null(since_name(session, block))},
              {"type", or_null(types.type(block))},
              {"preview", or_null(types.preview(block))},
              {"allocated", frames_json(session.blame().judged_frames(block.origin.traceback))},
              {"freed", nullptr}};
}

nlohmann::ordered_json block_json(Session& session, BlockTypes& types, const FreedBlock& freed,
                                  std::optional<std::uint64_t> offset) {
  auto json = block_json(session, types, freed.block, offset);
  json["state"] = "freed";
  json["type"] = or_null(types.static_type(freed.block.origin.traceback));
  json["preview"] = nullptr;
  json["freed"] = frames_json(session.blame().judged_frames(freed.freed_by));
  json["freed_thread"] = session.recording().threads.names().at(static_cast<std::size_t>(freed.freed_in));
  return json;
}

}  // namespace memsnap::commands
