#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

namespace memsnap {

/// Values over address ranges, of which a later one covers what was there before.
///
/// Nested things (scopes in functions, symbols in symbols) put in from the outermost on leave at each address the
/// innermost. O(log n) for each operation, amortised.
template <typename Value>
class IntervalMap {
 public:
  /// Sets `value` from `begin` inclusive to `end` exclusive; nothing where `end` is not above `begin`.
  void assign(std::uint64_t begin, std::uint64_t end, Value value) {
    if (begin >= end) {
      return;
    }
    // What was in force just before `end` goes on from there.
    if (const auto after = pieces_.upper_bound(end);
        after != pieces_.begin() && std::prev(after)->first < end && std::prev(after)->second) {
      pieces_.emplace_hint(after, end, std::prev(after)->second);
    } else {
      pieces_.try_emplace(end, std::nullopt);
    }
    pieces_.erase(pieces_.lower_bound(begin), pieces_.lower_bound(end));
    pieces_.insert_or_assign(begin, std::optional<Value>(std::move(value)));
  }

  /// The value at `address`, or nullptr. Valid until the map changes.
  const Value* find(std::uint64_t address) const {
    const auto after = pieces_.upper_bound(address);
    if (after == pieces_.begin() || !std::prev(after)->second) {
      return nullptr;
    }
    return &*std::prev(after)->second;
  }

  /// Where the piece with `address` begins; only what find() found something at may be asked for.
  std::uint64_t piece_begin(std::uint64_t address) const { return std::prev(pieces_.upper_bound(address))->first; }

 private:
  std::map<std::uint64_t, std::optional<Value>> pieces_;  // by begin; in force up to the next one
};

}  // namespace memsnap
