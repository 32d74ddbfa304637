#pragma once

#include <cstdint>
#include <vector>

#include "core/address.h"
#include "core/memory_reader.h"

namespace memsnap {

/// Bytes below rsp that are in use. Source: System V AMD64 psABI, 3.2.2.
inline constexpr std::uint64_t kRedZone = 128;

/// Bytes from a thread pointer on in which a C library keeps its data of the thread: more than any has there.
inline constexpr std::uint64_t kThreadData = 0x1000;

/// Where glibc has a thread's number, from the thread pointer on: struct pthread's `tid`, which has not
/// moved since 2.3.3.
inline constexpr std::uint32_t kGnuTid = 0x2d0;

/// glibc's data of a thread, which the thread pointer points to.
struct GnuThread {
  Address pointer;
  std::int32_t tid = 0;  ///< 0 once the thread has ended, -1 once it is joined
};

/// Those in the last 64 KiB of a range, ascending: of threads whose stack it is, as glibc puts it at the upper end.
std::vector<GnuThread> find_gnu_threads(MemoryReader& memory, AddressRange range);

}  // namespace memsnap
