#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/trace/block.h"

namespace memsnap {

/// What is live from one origin.
struct LiveCount {
  Origin origin;
  std::uint64_t size = 0;         ///< bytes asked for
  std::uint64_t count = 0;        ///< blocks
  std::uint64_t peak = 0;         ///< largest `size` since the start or reset_peak
  std::uint64_t allocated = 0;    ///< bytes ever asked for since the start or clear, freed or not
  std::uint64_t allocations = 0;  ///< calls that gave a block since then

  auto operator<=>(const LiveCount&) const = default;
};

/// Totals since the start or clear. Invariant: count = allocations - frees (unknown frees are not among `frees`).
struct Totals {
  std::uint64_t size = 0;           ///< live bytes
  std::uint64_t count = 0;          ///< live blocks
  std::uint64_t peak = 0;           ///< largest live size since the start or reset_peak
  std::uint64_t allocations = 0;    ///< calls that gave a block
  std::uint64_t frees = 0;          ///< calls that took one back; a successful realloc of a block is one of each
  std::uint64_t allocated = 0;      ///< bytes ever asked for
  std::uint64_t unknown_frees = 0;  ///< frees of blocks that were not recorded: from before tracing, mostly
  std::uint64_t missed_frees = 0;   ///< blocks whose address was given out again without a free having been seen

  auto operator<=>(const Totals&) const = default;
};

/// What a block is known by.
struct BlockKey {
  Address address;
  Space space{};

  constexpr auto operator<=>(const BlockKey&) const = default;
};

/// The books of live memory: events in, live counts by origin out.
///
/// Not thread-safe. Every event costs amortized constant time.
class Ledger {
 public:
  /// A block was given. Address 0 is none. If one is live at its address already, that one's free was missed: it is
  /// closed as a free and counted in `missed_frees` (both in frees, so that the invariant holds).
  void allocate(Address address, std::uint64_t size, const Origin& origin, Space space = {}, std::uint64_t pool = 0);

  /// A block is taken back. Address 0 is nothing. An unknown address counts as an unknown free; returns false then.
  bool free(Address address, Space space = {});
  /// All blocks of a space are taken back that came from this pool, or all where none is named.
  void free_pool(Space space, std::optional<std::uint64_t> pool);

  /// The first half of a realloc: takes the block out of the address index, as its address may be given to another
  /// thread before the call returns, but leaves it live in every count. nullopt where nothing is known at `address`.
  std::optional<Block> detach(Address address, Space space = {});
  /// The realloc gave a new block: the old one is freed. One that clear() forgot meanwhile is an unknown free.
  void free_detached(const Block& block);
  /// The realloc failed: the old block stays. If its address was given out meanwhile, it counts as a missed free. One
  /// that clear() forgot meanwhile stays forgotten.
  void reattach(const Block& block);
  /// Counts a free of a block that is not known here (a realloc of one).
  void count_unknown_free() { ++totals_.unknown_frees; }

  /// The block that starts at `address`, or nullptr; valid until the next event.
  const Block* find(Address address, Space space = {}) const;
  const auto& blocks() const { return blocks_; }
  /// Those that are live and detached.
  const std::vector<Block>& detached() const { return detached_; }
  const Origin& origin(OriginId id) const { return counts_[static_cast<std::size_t>(id)].origin; }

  const Totals& totals() const { return totals_; }
  /// By origin, those that ever were; the ones with count 0 among them.
  const std::vector<LiveCount>& counts() const { return counts_; }

  /// The peaks become what is live now.
  void reset_peak();
  /// Blocks from now on are born after snapshot number `snapshot`.
  void set_epoch(std::uint32_t snapshot) { epoch_ = snapshot; }
  /// Forgets everything but the epoch.
  void clear();
  /// Memory held, in bytes, about right.
  std::size_t memory_bytes() const;

 private:
  struct OriginHash {
    std::size_t operator()(const Origin& origin) const noexcept;
  };

  struct KeyHash {
    std::size_t operator()(const BlockKey& key) const noexcept {
      return std::hash<std::uint64_t>()(key.address.value + static_cast<std::uint64_t>(key.space));
    }
  };

  OriginId intern(const Origin& origin);
  void close(const Block& block);
  bool forget_detached(const Block& block);

  std::unordered_map<BlockKey, Block, KeyHash> blocks_;
  std::vector<LiveCount> counts_;
  std::unordered_map<Origin, OriginId, OriginHash> ids_;
  std::vector<Block> detached_;  // by reallocs that have not returned: one for each thread at most, so a short list
  Totals totals_;
  std::uint32_t epoch_ = 0;
};

}  // namespace memsnap
