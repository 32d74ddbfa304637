#include "core/formats/speedscope.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/formats/json_line.h"

namespace memsnap {
namespace {

using Json = nlohmann::ordered_json;

Json frames_json(const Paths& paths) {
  auto frames = Json::array();
  for (const auto& frame : paths.frames) {
    Json json;
    json["name"] = frame_name(frame);
    if (frame.has_line()) {
      json["file"] = frame.file;
      json["line"] = frame.line;
    } else if (!frame.module.empty()) {
      json["file"] = frame.module;
    }
    frames.push_back(std::move(json));
  }
  return frames;
}

// The paths that `weight` gives a number for, as a profile.
template <typename Weight>
Json profile(const Paths& paths, std::string_view name, std::string_view unit, Weight weight) {
  auto samples = Json::array();
  auto weights = Json::array();
  std::uint64_t end = 0;
  for (const auto& path : paths.paths) {
    if (const std::uint64_t number = weight(path.amounts); number != 0) {
      samples.push_back(path.frames);
      weights.push_back(number);
      end += number;
    }
  }
  Json json;
  json["type"] = "sampled";
  json["name"] = name;
  json["unit"] = unit;
  json["startValue"] = 0;
  json["endValue"] = end;
  json["samples"] = std::move(samples);
  json["weights"] = std::move(weights);
  return json;
}

std::uint64_t above(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; }

Json profiles_json(const Paths& paths, bool is_diff) {
  constexpr std::string_view kBytes = "bytes";
  constexpr std::string_view kNone = "none";
  auto profiles = Json::array();
  if (!is_diff) {
    profiles.push_back(profile(paths, "bytes", kBytes, [](const Amounts& amounts) { return amounts.size; }));
    profiles.push_back(profile(paths, "blocks", kNone, [](const Amounts& amounts) { return amounts.count; }));
    return profiles;
  }
  profiles.push_back(profile(paths, "grown, bytes", kBytes,
                             [](const Amounts& amounts) { return above(amounts.size, amounts.old_size); }));
  profiles.push_back(profile(paths, "shrunk, bytes", kBytes,
                             [](const Amounts& amounts) { return above(amounts.old_size, amounts.size); }));
  profiles.push_back(profile(paths, "grown, blocks", kNone,
                             [](const Amounts& amounts) { return above(amounts.count, amounts.old_count); }));
  profiles.push_back(profile(paths, "shrunk, blocks", kNone,
                             [](const Amounts& amounts) { return above(amounts.old_count, amounts.count); }));
  return profiles;
}

}  // namespace

std::string to_speedscope(const SnapshotFile& file, const Paths& paths) {
  Json json;
  json["$schema"] = "https://www.speedscope.app/file-format-schema.json";
  json["name"] = file.older ? fmt::format("{} -> {}", file.older->name, file.snapshot.name) : file.snapshot.name;
  json["exporter"] = "memsnap";
  json["activeProfileIndex"] = 0;
  json["shared"]["frames"] = frames_json(paths);
  json["profiles"] = profiles_json(paths, file.older.has_value());
  return to_json_line(json);
}

}  // namespace memsnap
