#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace memsnap {

/// An address in the inferior at this stop. Says nothing about another stop: see Pc for what lasts.
struct Address {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const Address&) const = default;
  constexpr explicit operator bool() const { return value != 0; }
};

constexpr Address operator+(Address address, std::uint64_t bytes) { return {address.value + bytes}; }
constexpr Address operator-(Address address, std::uint64_t bytes) { return {address.value - bytes}; }
/// Distance in bytes; `end` must not lie below `begin`.
constexpr std::uint64_t operator-(Address end, Address begin) { return end.value - begin.value; }

/// Addresses from `begin` inclusive to `end` exclusive.
struct AddressRange {
  Address begin;
  Address end;

  constexpr auto operator<=>(const AddressRange&) const = default;
  constexpr bool contains(Address address) const { return begin <= address && address < end; }
};

constexpr std::uint64_t kPage = 4096;  ///< bytes of x86-64's smallest page
constexpr std::uint64_t kWord = 8;     ///< bytes of a pointer, and of a register

/// The bytes of the pages that so many bytes fill.
constexpr std::uint64_t whole_pages(std::uint64_t size) { return (size + kPage - 1) / kPage * kPage; }

/// The pages that have a byte of a range: from the start of its first page to the end of its last one.
constexpr AddressRange whole_pages(AddressRange range) {
  return {{range.begin.value / kPage * kPage}, {whole_pages(range.end.value)}};
}

/// A module in the session's ModuleTable: an index that is never given to another module.
enum class ModuleId : std::uint32_t { none = 0xffffffff };

/// A place in code that outlives the process: a module, and the address inside it as its ELF file counts
/// (the run-time address less the load bias). In code that belongs to no module, `module` is
/// ModuleId::none and `offset` the run-time address.
///
/// A Pc taken from a stack is a *return* address: the call is the instruction before it, so what it means is
/// looked up at `offset - 1`. The walker adds one to a pc that a signal interrupted, so that this always holds.
struct Pc {
  ModuleId module = ModuleId::none;
  std::uint64_t offset = 0;

  constexpr auto operator<=>(const Pc&) const = default;
};

}  // namespace memsnap

template <>
struct std::hash<memsnap::Address> {
  std::size_t operator()(memsnap::Address address) const noexcept { return std::hash<std::uint64_t>{}(address.value); }
};

template <>
struct std::hash<memsnap::Pc> {
  std::size_t operator()(const memsnap::Pc& pc) const noexcept {
    return std::hash<std::uint64_t>{}(pc.offset * 0x9e3779b97f4a7c15ULL + static_cast<std::uint32_t>(pc.module));
  }
};
