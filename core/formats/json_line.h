#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace memsnap {

/// A JSON value without line ends and spaces. What is no UTF-8 in it is replaced, as U+FFFD.
inline std::string to_json_text(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// The same as a line, ended by '\n'.
inline std::string to_json_line(const nlohmann::ordered_json& json) { return to_json_text(json) + '\n'; }

}  // namespace memsnap
