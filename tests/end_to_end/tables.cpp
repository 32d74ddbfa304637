#include "tests/end_to_end/tables.h"

#include <filesystem>
#include <stdexcept>

#include "tests/end_to_end/text.h"

namespace memsnap::test {

std::optional<Charged> charged(const nlohmann::json& table, const std::string& file, const std::string& site) {
  const int line = line_of(file, site);
  std::optional<Charged> found;
  for (const nlohmann::json& row : table.at("rows")) {
    if (row.at("line") != line || !row.at("file").is_string() ||
        std::filesystem::path(row.at("file").get<std::string>()).filename() != file) {
      continue;
    }
    if (found) {
      throw std::runtime_error("two rows for " + file + ", " + site);
    }
    found = Charged{.size = row.at("size"), .count = row.at("count")};
  }
  return found;
}

nlohmann::json row_named(const nlohmann::json& table, const std::string& name) {
  for (const nlohmann::json& row : table.at("rows")) {
    if (row.at("name") == name) {
      return row;
    }
  }
  throw std::runtime_error("no row " + name + " in " + table.dump());
}

}  // namespace memsnap::test
