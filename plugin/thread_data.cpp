#include "plugin/thread_data.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace memsnap {

std::vector<GnuThread> find_gnu_threads(MemoryReader& memory, AddressRange range) {
  constexpr std::uint64_t kLooked = 0x10000;
  constexpr std::uint64_t kAligned = 16;
  // header.self in struct pthread; header.tcb, which is the same, is at its beginning.
  constexpr std::uint64_t kSelf = 0x10;
  const auto begin = range.end - std::min(kLooked, range.end - range.begin);
  std::vector<std::byte> bytes(range.end - begin);
  bytes.resize(memory.read(begin, bytes));
  const auto word = [&](std::uint64_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  std::vector<GnuThread> found;
  for (std::uint64_t at = 0; at + kGnuTid + sizeof(std::uint64_t) <= bytes.size(); at += kAligned) {
    const auto address = begin + at;
    if (word(at) == address.value && word(at + kSelf) == address.value) {
      found.push_back({address, static_cast<std::int32_t>(word(at + kGnuTid))});
    }
  }
  return found;
}

}  // namespace memsnap
