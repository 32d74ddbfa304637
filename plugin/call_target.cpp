#include "plugin/call_target.h"

#include <array>
#include <cstring>

namespace memsnap {
namespace {

constexpr std::byte kCall{0xe8};                                         // call, by a distance of four bytes
constexpr std::array kCallThrough = {std::byte{0xff}, std::byte{0x15}};  // call through a word at such a distance
constexpr std::array kJumpThrough = {std::byte{0xff}, std::byte{0x25}};  // jmp the same way
constexpr std::array kEndbr64 = {std::byte{0xf3}, std::byte{0x0f}, std::byte{0x1e}, std::byte{0xfa}};
constexpr std::byte kBnd{0xf2};  // a prefix

template <std::size_t kSize>
std::optional<std::array<std::byte, kSize>> read_code(MemoryReader& memory, Address at) {
  std::array<std::byte, kSize> code{};
  return memory.read(at, code) == kSize ? std::optional(code) : std::nullopt;
}

// What lies at the distance that stands in front of `end`.
std::optional<Address> relative_to(MemoryReader& memory, Address end) {
  const auto bytes = read_code<4>(memory, {end.value - 4});
  if (!bytes) {
    return std::nullopt;
  }
  std::int32_t distance = 0;
  std::memcpy(&distance, bytes->data(), sizeof distance);
  return Address{end.value + static_cast<std::uint64_t>(std::int64_t{distance})};
}

std::optional<Address> word_at(MemoryReader& memory, std::optional<Address> slot) {
  const auto word = slot ? read_word(memory, *slot) : std::nullopt;
  return word ? std::optional(Address{*word}) : std::nullopt;
}

// Where an entry of a linkage table jumps to; `entry` itself where it is none.
std::optional<Address> behind_linkage(MemoryReader& memory, Address entry) {
  auto at = entry;
  if (read_code<4>(memory, at) == kEndbr64) {
    at = at + kEndbr64.size();
  }
  const auto first = read_code<1>(memory, at);
  if (first && first->front() == kBnd) {
    at = at + 1;
  }
  if (read_code<2>(memory, at) != kJumpThrough) {
    return entry;
  }
  return word_at(memory, relative_to(memory, at + 6));
}

}  // namespace

std::optional<Address> call_target(MemoryReader& memory, Address return_address) {
  if (read_code<2>(memory, {return_address.value - 6}) == kCallThrough) {
    return word_at(memory, relative_to(memory, return_address));
  }
  const auto code = read_code<1>(memory, {return_address.value - 5});
  const auto target = code && code->front() == kCall ? relative_to(memory, return_address) : std::nullopt;
  return target ? behind_linkage(memory, *target) : std::nullopt;
}

}  // namespace memsnap
