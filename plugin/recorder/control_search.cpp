#include "plugin/recorder/control_search.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/recorder/image.h"
#include "core/recorder/layout.h"
#include "plugin/progress.h"

namespace memsnap {
namespace {

constexpr std::size_t kBytesAtOnce = std::size_t{1} << 20;
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
  const auto ranges = mapped_ranges(debugger);
  std::uint64_t all = 0;
  for (const auto& range : ranges) {
    all += range.end - range.begin;
  }
  Progress progress(debugger, "looking for the recorder");
  std::uint64_t done = 0;
  std::vector<std::byte> piece(kBytesAtOnce);
  for (const auto& range : ranges) {
    for (auto at = range.begin; at < range.end;) {
      const auto wanted = std::min<std::uint64_t>(kBytesAtOnce, range.end - at);
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

std::optional<Address> find_stopped_control(Debugger& debugger) {
  const auto image = recorder_image();
  if (!image) {
    return std::nullopt;
  }
  constexpr std::size_t kTold = 256;  // no other code begins so
  std::array<std::byte, kTold> begin{};
  for (const auto& mapping : mapped_ranges(debugger)) {
    Address control;
    const bool is_it = mapping.end - mapping.begin >= image->bytes.size() &&
                       debugger.memory().read(mapping.begin, begin) == kTold &&
                       std::ranges::equal(begin, image->bytes.first(kTold));
    if (is_it && debugger.memory().read(mapping.begin + image->control,
                                        std::as_writable_bytes(std::span(&control.value, 1))) == sizeof control.value) {
      return control ? std::optional(control) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace memsnap
