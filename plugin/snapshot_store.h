#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/trace/snapshot.h"

namespace memsnap {

/// A snapshot, shared between the store and whoever prints it.
using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// The snapshots of a session, by number and by name. Numbers begin with 1 and are never given twice.
class SnapshotStore {
 public:
  /// Whether a word has no meaning of its own (a number, a key, `now`, `all`), so that it can name a snapshot.
  static bool is_name(std::string_view word);
  /// Whether a snapshot may be called so. Code::usage: a word that is_name denies, or a name that is taken.
  Result<void> check_name(std::string_view name) const;
  /// Numbers `snapshot`, and names it by its number where it has no name.
  SnapshotPtr add(Snapshot snapshot);
  /// By name or number. Code::not_found names the snapshots there are.
  Result<SnapshotPtr> find(std::string_view word) const;
  Result<void> remove(std::string_view word);
  void clear() { snapshots_.clear(); }
  /// Oldest first.
  const std::vector<SnapshotPtr>& all() const { return snapshots_; }
  /// The number that the next snapshot gets.
  std::uint32_t next_id() const { return next_id_; }

 private:
  std::vector<SnapshotPtr> snapshots_;
  std::uint32_t next_id_ = 1;
};

}  // namespace memsnap
