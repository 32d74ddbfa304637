#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "core/trace/blame.h"

namespace memsnap {

/// What does not apply is null in our JSON.
inline nlohmann::ordered_json or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}
inline nlohmann::ordered_json or_null(std::uint32_t line) {
  return line == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(line);
}

/// A frame in commands.md's format: {"file", "line", "function", "module", "offset", "inlined", "hidden"}.
inline nlohmann::ordered_json frame_json(const Frame& frame, bool hidden) {
  nlohmann::ordered_json json;
  json["file"] = or_null(frame.file);
  json["line"] = or_null(frame.line);
  json["function"] = or_null(frame.function);
  json["module"] = or_null(frame.module);
  json["offset"] = frame.offset;
  json["inlined"] = frame.inlined;
  json["hidden"] = hidden;
  return json;
}

/// All frames of a traceback, as Blame::judged_frames has them.
inline nlohmann::ordered_json frames_json(std::span<const JudgedFrame> frames) {
  auto json = nlohmann::ordered_json::array();
  for (const auto& judged : frames) {
    json.push_back(frame_json(*judged.frame, judged.hidden));
  }
  return json;
}

}  // namespace memsnap
