#pragma once

#include <nlohmann/json.hpp>

#include "core/trace/snapshot.h"

namespace memsnap {

/// Adds "name", "size", "count", "tracebacks", "peak", "engine" and "frames".
inline void add_facts(nlohmann::ordered_json& json, const Snapshot& snapshot) {
  json["name"] = snapshot.name;
  json["size"] = snapshot.size;
  json["count"] = snapshot.count;
  json["tracebacks"] = snapshot.tracebacks();
  json["peak"] = snapshot.peak;
  json["engine"] = snapshot.engine;
  json["frames"] = snapshot.frames;
}

/// {"name", "size", "count", "tracebacks", "peak", "engine", "frames", "since_start_only"}: what an export says of a
/// snapshot. Its number is a session's own.
inline nlohmann::ordered_json snapshot_facts(const Snapshot& snapshot) {
  nlohmann::ordered_json json;
  add_facts(json, snapshot);
  json["since_start_only"] = snapshot.since_start_only;
  return json;
}

}  // namespace memsnap
