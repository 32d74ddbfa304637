#include "core/formats/pprof_comments.h"

#include <fmt/format.h>

#include "core/formats/number.h"
#include "core/formats/pprof_profile.h"

namespace memsnap::pprof {
namespace {

constexpr std::string_view kPrefix = "memsnap ";
constexpr std::uint32_t kFormat = 1;

template <typename Number>
Number to_number(std::string_view text) {
  const auto number = parse_number<Number>(text);
  if (!number) {
    throw Malformed("a comment of memsnap's that makes no sense");
  }
  return *number;
}

void read_fact(Facts& facts, std::string_view key, std::string_view value) {
  auto& snapshot = facts.snapshot;
  if (key == "snapshot") {
    snapshot.name = value;
  } else if (key == "engine") {
    snapshot.engine = value;
  } else if (key == "frames") {
    snapshot.frames = to_number<std::uint32_t>(value);
  } else if (key == "script frames") {
    snapshot.script_frames = to_number<std::uint32_t>(value);
  } else if (key == "size") {
    snapshot.size = to_number<std::uint64_t>(value);
  } else if (key == "count") {
    snapshot.count = to_number<std::uint64_t>(value);
  } else if (key == "peak") {
    snapshot.peak = to_number<std::uint64_t>(value);
  } else if (key == "since start only") {
    snapshot.since_start_only = value == "yes";
  }
}

}  // namespace

std::vector<std::string> write_comments(const Snapshot& snapshot) {
  std::vector<std::string> comments;
  const auto add = [&](std::string_view key, const auto& value) {
    comments.push_back(fmt::format("{}{}: {}", kPrefix, key, value));
  };
  add("format", kFormat);
  add("snapshot", snapshot.name);
  add("engine", snapshot.engine);
  add("frames", snapshot.frames);
  if (snapshot.script_frames != 0) {
    add("script frames", snapshot.script_frames);
  }
  add("size", snapshot.size);
  add("count", snapshot.count);
  add("peak", snapshot.peak);
  if (snapshot.since_start_only) {
    add("since start only", "yes");
  }
  return comments;
}

std::vector<std::string> write_comments(const Snapshot& older, const Snapshot& newer) {
  return {fmt::format("{}difference: {} -> {}", kPrefix, older.name, newer.name)};
}

Facts read_comments(const std::vector<std::string_view>& comments) {
  Facts facts;
  for (auto comment : comments) {
    constexpr std::string_view kSeparator = ": ";
    const auto end = comment.find(kSeparator);
    if (!comment.starts_with(kPrefix) || end == std::string_view::npos) {
      continue;
    }
    const auto key = comment.substr(kPrefix.size(), end - kPrefix.size());
    comment.remove_prefix(end + kSeparator.size());
    if (key == "format" && !facts.are_ours) {
      if (const auto format = to_number<std::uint32_t>(comment); format != kFormat) {
        throw Malformed(
            fmt::format("saved by another memsnap, in its format {}; this one reads format {}", format, kFormat));
      }
      facts.are_ours = true;
    } else if (facts.are_ours) {
      read_fact(facts, key, comment);
    }
  }
  return facts;
}

}  // namespace memsnap::pprof
