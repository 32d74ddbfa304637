#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/recorder/reader.h"

namespace memsnap {
namespace {

// Frames of tracebacks of one thread lie near each other. A gap below a page is surely mapped.
constexpr std::uint64_t kLargestGap = 4096 - 1;
constexpr std::uint64_t kLargestPiece = std::uint64_t{1} << 20;

constexpr std::uint64_t kMostBytes = layout::kMostFrames * sizeof(std::uint64_t);

std::uint64_t bytes_of(const RecordedTracebacks::Item& item) { return item.count * sizeof(std::uint64_t); }

}  // namespace

Result<RecordedTracebacks> RecorderReader::read_tracebacks(std::uint32_t first, std::uint32_t last) const {
  if (first == 0 || first > last || last > control_->origin_count) {
    return fail(Code::not_found,
                fmt::format("no tracebacks {} to {}: there are {}", first, last, control_->origin_count));
  }
  RecordedTracebacks tracebacks;
  std::vector<std::uint64_t> addresses;  // of the items' frames
  std::size_t frames = 0;
  const auto done = for_each_record(first, last, [&](std::uint32_t number, const auto& record) -> Result<void> {
    if (!is_filled(record)) {
      return {};
    }
    const TracebackEnd end{record.end};
    if (record.frame_count > layout::kMostFrames || end > TracebackEnd::no_unwind_info || record.frames > ~kMostBytes) {
      return damaged(fmt::format("traceback {} has {} frames at {:#x}", number, record.frame_count, record.frames));
    }
    tracebacks.items.push_back({number, end, {record.stopped_at}, frames, record.frame_count});
    addresses.push_back(record.frames);
    frames += record.frame_count;
    return {};
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  tracebacks.frames.resize(frames);
  if (auto read = read_frames(tracebacks, addresses); !read) {
    return std::unexpected(std::move(read.error()));
  }
  return tracebacks;
}

Result<void> RecorderReader::read_frames(RecordedTracebacks& tracebacks,
                                         const std::vector<std::uint64_t>& addresses) const {
  struct Part {
    std::uint64_t address;
    const RecordedTracebacks::Item* item;
  };
  std::vector<Part> parts;
  parts.reserve(addresses.size());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (tracebacks.items[i].count != 0) {
      parts.push_back({addresses[i], &tracebacks.items[i]});
    }
  }
  if (!std::ranges::is_sorted(parts, {}, &Part::address)) {
    std::ranges::sort(parts, {}, &Part::address);
  }

  std::vector<std::byte> piece;
  for (auto part = parts.begin(); part != parts.end();) {
    const auto begin = part->address;
    auto end = begin;
    auto next = part;
    for (; next != parts.end(); ++next) {
      const auto farthest = std::max(end, next->address + bytes_of(*next->item));
      if (next != part && (next->address > end + kLargestGap || farthest - begin > kLargestPiece)) {
        break;
      }
      end = farthest;
    }
    piece.resize(end - begin);
    if (auto done = memory_.read({begin}, piece); !done) {
      return done;
    }
    for (; part != next; ++part) {
      std::memcpy(tracebacks.frames.data() + part->item->begin, piece.data() + (part->address - begin),
                  bytes_of(*part->item));
    }
  }
  return {};
}

}  // namespace memsnap
