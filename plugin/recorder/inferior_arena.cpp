#include "plugin/recorder/inferior_arena.h"

#include <algorithm>

namespace memsnap {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmallestPiece = std::size_t{256} << 10;

}  // namespace

Result<Address> InferiorArena::take(std::size_t size) {
  size = (std::max<std::size_t>(size, 1) + kAlignment - 1) / kAlignment * kAlignment;
  if (free_.end - free_.begin < size) {
    const auto piece = whole_pages(std::max(size, kSmallestPiece));
    const auto mapped = mappings_.map(piece, Protection::read_write, std::nullopt);
    if (!mapped) {
      return mapped;
    }
    free_ = {*mapped, *mapped + piece};
  }
  const auto taken = free_.begin;
  free_.begin = free_.begin + size;
  return taken;
}

Result<Address> InferiorArena::put(std::span<const std::byte> bytes) {
  const auto address = take(bytes.size());
  if (address) {
    if (auto written = debugger_.write(*address, bytes); !written) {
      return std::unexpected(written.error());
    }
  }
  return address;
}

}  // namespace memsnap
