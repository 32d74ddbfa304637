#include "plugin/commands/block_details.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/formats/frame_json.h"

namespace memsnap::commands {
namespace {

using Json = nlohmann::ordered_json;

Json frames_json(TracebackId id, Blame& blame) {
  auto frames = Json::array();
  for (const auto& judged : blame.judged_frames(id)) {
    frames.push_back(frame_json(*judged.frame, judged.hidden));
  }
  return frames;
}

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
              {"allocated", frames_json(block.origin.traceback, session.blame())},
              {"freed", nullptr}};
}

nlohmann::ordered_json block_json(Session& session, BlockTypes& types, const FreedBlock& freed,
                                  std::optional<std::uint64_t> offset) {
  auto json = block_json(session, types, freed.block, offset);
  json["state"] = "freed";
  json["type"] = or_null(types.static_type(freed.block.origin.traceback));
  json["preview"] = nullptr;
  json["freed"] = frames_json(freed.freed_by, session.blame());
  json["freed_thread"] = session.recording().threads.names().at(static_cast<std::size_t>(freed.freed_in));
  return json;
}

std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'; }

}  // namespace memsnap::commands
