#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "plugin/session.h"

namespace memsnap::commands {

/// What is shown of a live block, field by field as commands.md has them.
///
/// `offset`: in bytes, of the address that was asked for; nullopt where none was.
nlohmann::ordered_json block_json(Session& session, const LiveBlock& block, std::optional<std::uint64_t> offset);

/// The name of the snapshot that a block was born after: its number where it has been deleted; empty where there was
/// none.
std::string since_name(Session& session, const LiveBlock& block);

/// JSON as one line, ended by '\n'.
std::string to_line(const nlohmann::ordered_json& json);

}  // namespace memsnap::commands
