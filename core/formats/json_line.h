#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace memsnap {

/// A JSON value on one line, ended by '\n'. What is no UTF-8 in it is replaced, as U+FFFD.
inline std::string to_json_line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace memsnap
