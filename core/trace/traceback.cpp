#include "core/trace/traceback.h"

#include <algorithm>
#include <bit>

namespace memsnap {
namespace {

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;

constexpr std::size_t kChunk = std::size_t{1} << 14;  // FrameIds

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) { return std::rotl((hash ^ value) * kOdd, 29); }

// Frame by frame on its own, so that the processor need not wait for one to go on with the next.
std::uint64_t hash_of(const StoredTraceback& traceback) {
  auto sum = mix(static_cast<std::uint64_t>(traceback.end), traceback.stopped_at.value);
  std::uint32_t place = 0;
  for (const auto frame : traceback.frames) {
    const auto product = (std::uint64_t{static_cast<std::uint32_t>(frame)} << 32 | ++place) * kOdd;
    sum += (product ^ product >> 29) * kOdd;
  }
  return mix(sum, traceback.frames.size());
}

}  // namespace

FrameId TracebackTable::intern(const StoredFrame& frame) {
  const auto [known, is_new] = frame_ids_.try_emplace(frame, FrameId{static_cast<std::uint32_t>(frames_.size())});
  if (is_new) {
    frames_.push_back(frame);
  }
  return known->second;
}

TracebackId TracebackTable::intern(const Traceback& traceback) {
  scratch_.clear();
  for (const auto& frame : traceback.frames) {
    scratch_.push_back(intern(frame));
  }
  return intern(StoredTraceback{scratch_, traceback.end, traceback.stopped_at});
}

TracebackId TracebackTable::intern(const StoredTraceback& traceback) {
  reserve(entries_.size() + 1);
  const auto hash = hash_of(traceback);
  const auto mask = index_.size() - 1;
  auto slot = hash & mask;
  for (; index_[slot] != 0; slot = (slot + 1) & mask) {
    const auto& entry = entries_[index_[slot] - 1];
    if (entry.hash == hash && is_same(entry, traceback)) {
      return TracebackId{index_[slot] - 1};
    }
  }
  const TracebackId id{static_cast<std::uint32_t>(entries_.size())};
  entries_.push_back({store(traceback.frames), traceback.stopped_at, hash,
                      static_cast<std::uint32_t>(traceback.frames.size()), traceback.end});
  index_[slot] = static_cast<std::uint32_t>(id) + 1;
  return id;
}

bool TracebackTable::is_same(const Entry& entry, const StoredTraceback& traceback) const {
  return entry.end == traceback.end && entry.stopped_at == traceback.stopped_at &&
         std::ranges::equal(std::span(entry.frames, entry.count), traceback.frames);
}

const FrameId* TracebackTable::store(std::span<const FrameId> frames) {
  if (room_.size() < frames.size()) {
    const auto size = std::max(kChunk, frames.size());
    chunks_.push_back(std::make_unique_for_overwrite<FrameId[]>(size));
    stored_ += size;
    room_ = std::span(chunks_.back().get(), size);
  }
  std::ranges::copy(frames, room_.begin());
  const auto* begin = room_.data();
  room_ = room_.subspan(frames.size());
  return begin;
}

void TracebackTable::reserve(std::size_t count) {
  if (count > entries_.capacity()) {
    entries_.reserve(std::max(count, entries_.capacity() * 2));
  }
  if (count * 4 < index_.size() * 3) {
    return;
  }
  constexpr std::size_t kFirst = 1024;
  index_.assign(std::max(kFirst, std::bit_ceil(count * 4 / 3 + 1)), 0);  // so never more than three quarters full
  const auto mask = index_.size() - 1;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    auto slot = entries_[i].hash & mask;
    while (index_[slot] != 0) {
      slot = (slot + 1) & mask;
    }
    index_[slot] = i + 1;
  }
}

StoredTraceback TracebackTable::stored(TracebackId id) const {
  const auto& entry = entries_[static_cast<std::size_t>(id)];
  return {std::span(entry.frames, entry.count), entry.end, entry.stopped_at};
}

ModuleId TracebackTable::innermost_module(TracebackId id) const {
  const auto frames = stored(id).frames;
  return frames.empty() ? ModuleId::none : frame(frames.front()).pc.module;
}

Traceback TracebackTable::get(TracebackId id) const {
  const auto stored = this->stored(id);
  Traceback traceback{{}, stored.end, stored.stopped_at};
  for (const auto frame : stored.frames) {
    traceback.frames.push_back(this->frame(frame));
  }
  return traceback;
}

std::size_t TracebackTable::memory_bytes() const {
  // A node of the frames' index: what it holds, the link to the next one, and the allocator's own bytes.
  constexpr std::size_t kNode = sizeof(std::pair<StoredFrame, FrameId>) + 3 * sizeof(void*);
  return frames_.capacity() * sizeof(StoredFrame) + frames_.size() * kNode + frame_ids_.bucket_count() * sizeof(void*) +
         entries_.capacity() * sizeof(Entry) + index_.capacity() * sizeof(std::uint32_t) + stored_ * sizeof(FrameId);
}

}  // namespace memsnap
