#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "plugin/block_types.h"
#include "plugin/session.h"

namespace memsnap::commands {

/// What is shown of a live block, field by field: see README, "Blocks". `types` are those of this command.
///
/// `offset`: in bytes, of the address that was asked for; nullopt where none was.
nlohmann::ordered_json block_json(Session& session, BlockTypes& types, const LiveBlock& block,
                                  std::optional<std::uint64_t> offset);
/// The same of one that was freed: what it holds now is no more what it was.
nlohmann::ordered_json block_json(Session& session, BlockTypes& types, const FreedBlock& freed,
                                  std::optional<std::uint64_t> offset);

/// The name of the snapshot that a block was born after: its number where it has been deleted; empty where there was
/// none.
std::string since_name(Session& session, const LiveBlock& block);

}  // namespace memsnap::commands
