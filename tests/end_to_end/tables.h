#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace memsnap::test {

/// Size and count of a call site.
struct Charged {
  std::int64_t size = 0;
  std::int64_t count = 0;

  bool operator==(const Charged&) const = default;
};

/// What a `stats lineno --json` table charges to the line of tests/targets/`file` that is marked `// site: name`;
/// nothing where it has no such row. Throws where it has two.
std::optional<Charged> charged(const nlohmann::json& table, const std::string& file, const std::string& site);

/// The row of that name; throws where there is none.
nlohmann::json row_named(const nlohmann::json& table, const std::string& name);

}  // namespace memsnap::test
