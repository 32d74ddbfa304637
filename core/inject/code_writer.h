#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/address.h"

namespace memsnap {

/// Whether the four signed bytes in front of `end` can name `target` relative to `end`.
bool is_in_reach(Address end, Address target);

/// Writes x86-64 instructions one behind the other, from an address on.
class CodeWriter {
 public:
  explicit CodeWriter(Address address) : address_(address) {}

  Address end() const { return address_ + bytes_.size(); }
  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte> take() { return std::move(bytes_); }

  void raw(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void byte(unsigned value) { bytes_.push_back(static_cast<std::byte>(value)); }
  void quad(std::uint64_t value) { little_endian(value, 8); }
  /// `target` relative to the byte behind these four; it must be in reach.
  void relative(Address target);
  void overwrite(std::size_t at, std::byte value) { bytes_[at] = value; }
  /// Overwrites the four bytes at `at` with `target` relative to `end`; it must be in reach.
  void overwrite_relative(std::size_t at, Address end, Address target);

  /// `jmp target`: 5 bytes where it is in reach, 14 elsewhere.
  void jump(Address target);
  /// A jump to `target` where the condition (the low four bits of a jcc's opcode) holds.
  void branch(unsigned condition, Address target);

 private:
  void little_endian(std::uint64_t value, std::size_t size);

  Address address_;
  std::vector<std::byte> bytes_;
};

}  // namespace memsnap
