#include "plugin/recorder/control_search.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/recorder/layout.h"

namespace memsnap {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kStep = 64;  // what InferiorArena aligns to

constexpr std::size_t kHead = offsetof(layout::Control, code_begin);

bool is_control(const std::byte* bytes) {
  std::uint64_t magic = 0;
  std::uint32_t size = 0;
  std::uint32_t version = 0;
  std::memcpy(&magic, bytes + offsetof(layout::Control, magic), sizeof magic);
  std::memcpy(&size, bytes + offsetof(layout::Control, size), sizeof size);
  std::memcpy(&version, bytes + offsetof(layout::Control, version), sizeof version);
  return magic == layout::kMagic && size == sizeof(layout::Control) && version == layout::kVersion;
}

}  // namespace

std::optional<Address> find_control(MemoryReader& memory, std::span<const AddressRange> ranges) {
  static_assert(kHead <= kStep);
  std::vector<std::byte> piece(kPiece);
  for (const auto& range : ranges) {
    for (auto at = range.begin; at < range.end;) {
      const auto wanted = std::min<std::uint64_t>(kPiece, range.end - at);
      const auto got = memory.read(at, std::span(piece).first(wanted));
      for (std::size_t i = 0; i + kHead <= got; i += kStep) {
        if (is_control(piece.data() + i)) {
          return at + i;
        }
      }
      if (got < wanted) {
        break;
      }
      at = at + got;
    }
  }
  return std::nullopt;
}

}  // namespace memsnap
