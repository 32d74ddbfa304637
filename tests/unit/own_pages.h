#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/address.h"
#include "tests/catch.h"

namespace memsnap::test {

template <typename T>
Address address_of(T* pointer) {
  return {reinterpret_cast<std::uint64_t>(pointer)};
}

/// This process's memory at `address`.
inline std::byte* at(Address address) { return reinterpret_cast<std::byte*>(address.value); }

inline void write(Address address, std::span<const std::byte> bytes) { std::ranges::copy(bytes, at(address)); }

/// Pages that can be written and run.
class Pages {
 public:
  Pages(std::size_t size, Address wanted)
      : size_(size),
        memory_(mmap(at(wanted), size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() { munmap(memory_, size_); }

  Address begin() const { return address_of(memory_); }
  Address end() const { return begin() + size_; }

 private:
  std::size_t size_;
  void* memory_;
};

}  // namespace memsnap::test
