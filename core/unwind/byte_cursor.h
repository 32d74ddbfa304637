#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace memsnap {

/// Takes little-endian values off the front of foreign bytes. After the first value that is not there in full,
/// `failed()` holds and every further value is 0.
class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  bool at_end() const { return failed_ || bytes_.empty(); }
  std::span<const std::uint8_t> rest() const { return bytes_; }

  void skip(std::uint64_t count) {
    if (count > bytes_.size()) {
      fail();
    } else {
      bytes_ = bytes_.subspan(static_cast<std::size_t>(count));
    }
  }

  template <typename T>
  T fixed() {
    T value{};
    if (sizeof(T) > bytes_.size()) {
      fail();
    } else {
      std::memcpy(&value, bytes_.data(), sizeof(T));
      bytes_ = bytes_.subspan(sizeof(T));
    }
    return value;
  }

  /// Either kind of LEB128; bits beyond 64 are dropped.
  std::uint64_t uleb() { return leb().value; }
  std::int64_t sleb() {
    const auto read = leb();
    auto value = read.value;
    if (read.negative && read.bits < 64) {
      value |= ~std::uint64_t{0} << read.bits;
    }
    return static_cast<std::int64_t>(value);
  }

 private:
  struct Leb {
    std::uint64_t value = 0;
    unsigned bits = 0;
    bool negative = false;
  };

  Leb leb() {
    Leb read;
    for (;;) {
      const auto byte = fixed<std::uint8_t>();
      if (failed_) {
        return {};
      }
      if (read.bits < 64) {
        read.value |= std::uint64_t{byte & 0x7fU} << read.bits;
        read.bits += 7;
      }
      if ((byte & 0x80U) == 0) {
        read.negative = (byte & 0x40U) != 0;
        return read;
      }
    }
  }
  void fail() {
    failed_ = true;
    bytes_ = {};
  }

  std::span<const std::uint8_t> bytes_;
  bool failed_ = false;
};

}  // namespace memsnap
