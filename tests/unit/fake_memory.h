#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "core/memory_reader.h"

namespace memsnap::test {

/// Memory made of a few stretches of bytes; everything else cannot be read.
class FakeMemory final : public MemoryReader {
 public:
  /// Maps zeroes from `begin` on.
  void map(std::uint64_t begin, std::size_t size) { stretches_[begin].resize(size); }

  /// Takes away the stretch that begins there.
  void unmap(std::uint64_t begin) { stretches_.erase(begin); }

  /// Whether all of it lies in one stretch.
  bool has(std::uint64_t address, std::size_t size) const {
    const auto after = stretches_.upper_bound(address);
    if (after == stretches_.begin()) {
      return false;
    }
    const auto& [begin, stretch] = *std::prev(after);
    const auto skipped = address - begin;
    return skipped <= stretch.size() && size <= stretch.size() - skipped;
  }

  /// Puts a word somewhere into what is mapped.
  void put(std::uint64_t address, std::uint64_t value) { put_bytes(address, &value, sizeof value); }
  void put_bytes(std::uint64_t address, const void* bytes, std::size_t size) {
    auto& [begin, stretch] = *std::prev(stretches_.upper_bound(address));
    std::memcpy(stretch.data() + (address - begin), bytes, size);
  }

  std::size_t read(Address address, std::span<std::byte> into) override {
    ++reads;
    const auto after = stretches_.upper_bound(address.value);
    if (after == stretches_.begin()) {
      return 0;
    }
    const auto& [begin, stretch] = *std::prev(after);
    const auto skipped = address.value - begin;
    if (skipped >= stretch.size()) {
      return 0;
    }
    const auto count = std::min<std::size_t>(into.size(), stretch.size() - skipped);
    std::memcpy(into.data(), stretch.data() + skipped, count);
    return count;
  }

  int reads = 0;

 private:
  std::map<std::uint64_t, std::vector<std::byte>> stretches_;
};

}  // namespace memsnap::test
