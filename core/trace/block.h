#pragma once

#include <compare>
#include <cstdint>

#include "core/address.h"
#include "core/trace/traceback.h"

namespace memsnap {

/// An allocator family, in the session's list of domain names ("malloc", "new", ...).
enum class DomainId : std::uint16_t {};
/// A thread that allocated, in the session's list of thread names.
enum class ThreadId : std::uint32_t {};

/// Where blocks come from, as finely as live memory is counted.
struct Origin {
  TracebackId traceback{};
  DomainId domain{};
  ThreadId thread{};

  constexpr auto operator<=>(const Origin&) const = default;
};

/// An Origin in a Ledger: an index.
enum class OriginId : std::uint32_t {};

/// Whose memory a block is: two blocks may have one address where they are of different spaces. 0 is that of the
/// allocators that everybody knows; each pool of the user's own has another, as it gives out memory that is a block of
/// its allocator's already.
enum class Space : std::uint16_t {};

/// A live piece of memory that an allocator gave to the program.
struct Block {
  Address address;
  std::uint64_t size = 0;  ///< bytes that were asked for
  OriginId origin{};
  std::uint32_t epoch = 0;  ///< number of the last snapshot taken before it was born, 0 where there was none
  Space space{};
  std::uint64_t pool = 0;  ///< which of several pools it came from, as free_pool asks for it

  constexpr auto operator<=>(const Block&) const = default;
};

}  // namespace memsnap
