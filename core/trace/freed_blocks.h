#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/trace/block.h"
#include "core/trace/traceback.h"

namespace memsnap {

/// A block that is no more.
struct Freed {
  Block block;    ///< as it was; `origin` means nothing
  Origin origin;  ///< where it came from
  TracebackId freed_by{};
  ThreadId freed_in{};

  constexpr auto operator<=>(const Freed&) const = default;
};

/// The blocks freed last, as many as there is room for.
class FreedBlocks {
 public:
  explicit FreedBlocks(std::size_t room) : room_(room) {}

  std::size_t room() const { return room_; }
  /// Takes the place of the oldest where all places are taken.
  void add(const Freed& freed);
  void clear();

  /// The last one that began at `address`, or nullptr; valid until the next event.
  const Freed* find_start(Address address, Space space) const;
  /// The last one that began at `address` or that it lies in, of whatever space.
  const Freed* find(Address address) const;
  std::size_t memory_bytes() const { return ring_.capacity() * sizeof(Freed); }

 private:
  template <typename Matches>
  const Freed* find_last(Matches matches) const;

  std::size_t room_;
  std::vector<Freed> ring_;
  std::size_t next_ = 0;  // where the next one goes once all places are taken
};

}  // namespace memsnap
