#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/formats/json_line.h"
#include "core/formats/size.h"
#include "core/formats/snapshot_json.h"
#include "core/formats/table.h"

namespace memsnap {

std::string snapshot_text(const Snapshot& snapshot) {
  const auto number = snapshot.id == 0 ? std::string() : fmt::format("#{} ", snapshot.id);
  auto text = fmt::format("Snapshot {}'{}': size={}, count={}", number, snapshot.name, format_size(snapshot.size),
                          snapshot.count);
  if (snapshot.count != 0) {
    text += ", average=" + format_average(snapshot.size, snapshot.count);
  }
  return text;
}

std::string snapshot_json(const Snapshot& snapshot) {
  nlohmann::ordered_json json;
  json["id"] = snapshot.id;
  add_facts(json, snapshot);
  return to_json_text(json);
}

}  // namespace memsnap
