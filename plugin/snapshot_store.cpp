#include "plugin/snapshot_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/trace/key.h"

namespace memsnap {
namespace {

bool is_number(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

bool answers_to(const SnapshotPtr& snapshot, std::string_view word) {
  return snapshot->name == word || std::to_string(snapshot->id) == word;
}

}  // namespace

bool SnapshotStore::is_name(std::string_view word) {
  return !is_number(word) && word != "now" && word != "all" && !parse_key(word) && !word.empty() &&
         !word.starts_with('-');
}

Result<void> SnapshotStore::check_name(std::string_view name) const {
  if (!is_name(name)) {
    return fail(Code::usage,
                fmt::format("'{}' cannot name a snapshot; numbers, keys, 'now' and 'all' have a meaning of "
                            "their own",
                            name));
  }
  if (std::ranges::any_of(snapshots_, [name](const auto& snapshot) { return snapshot->name == name; })) {
    return fail(Code::usage, fmt::format("there is a snapshot '{0}' already; 'memsnap delete {0}' forgets it", name));
  }
  return {};
}

SnapshotPtr SnapshotStore::add(Snapshot snapshot) {
  snapshot.id = next_id_++;
  if (snapshot.name.empty()) {
    snapshot.name = std::to_string(snapshot.id);
  }
  return snapshots_.emplace_back(std::make_shared<const Snapshot>(std::move(snapshot)));
}

Result<SnapshotPtr> SnapshotStore::find(std::string_view word) const {
  const auto found = std::ranges::find_if(snapshots_, [word](const auto& it) { return answers_to(it, word); });
  if (found != snapshots_.end()) {
    return *found;
  }
  if (snapshots_.empty()) {
    return fail(Code::not_found, fmt::format("no snapshot '{}'; there are none, 'memsnap take' takes one", word));
  }
  std::vector<std::string_view> names;
  for (const auto& snapshot : snapshots_) {
    names.emplace_back(snapshot->name);
  }
  return fail(Code::not_found, fmt::format("no snapshot '{}'; there are: {}", word, fmt::join(names, ", ")));
}

Result<void> SnapshotStore::remove(std::string_view word) {
  const auto found = find(word);
  if (!found) {
    return std::unexpected(found.error());
  }
  std::erase(snapshots_, *found);
  return {};
}

}  // namespace memsnap
