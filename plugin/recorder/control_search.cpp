#include "plugin/recorder/control_search.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/recorder/layout.h"
#include "plugin/progress.h"

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

Result<Address> find_control(Debugger& debugger) {
  static_assert(kHead <= kStep);
  const auto ranges = debugger.mappings();
  std::uint64_t all = 0;
  for (const auto& range : ranges) {
    all += range.end - range.begin;
  }
  Progress progress(debugger, "looking for the recorder");
  std::uint64_t done = 0;
  std::vector<std::byte> piece(kPiece);
  for (const auto& range : ranges) {
    for (auto at = range.begin; at < range.end;) {
      const auto wanted = std::min<std::uint64_t>(kPiece, range.end - at);
      const auto got = debugger.memory().read(at, std::span(piece).first(wanted));
      for (std::size_t i = 0; i + kHead <= got; i += kStep) {
        if (is_control(piece.data() + i)) {
          return at + i;
        }
      }
      if (!progress(static_cast<double>(done + (at - range.begin)) / static_cast<double>(all))) {
        return fail(Code::interrupted, "interrupted");
      }
      if (got < wanted) {
        break;
      }
      at = at + got;
    }
    done += range.end - range.begin;
  }
  return fail(Code::not_found, "no recorder in this process");
}

}  // namespace memsnap
