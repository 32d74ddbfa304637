#include "core/trace/traceback.h"

#include <bit>

namespace memsnap {
namespace {

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) { return std::rotl((hash ^ value) * kOdd, 29); }

std::size_t hash_of(const Traceback& traceback) {
  auto hash = mix(static_cast<std::uint64_t>(traceback.end), traceback.stopped_at.value);
  for (const auto& frame : traceback.frames) {
    const auto tag = static_cast<std::uint64_t>(frame.kind) << 32 | static_cast<std::uint32_t>(frame.pc.module);
    hash = mix(hash, frame.pc.offset + tag * kOdd);
  }
  return hash;
}

}  // namespace

TracebackId TracebackTable::intern(const Traceback& traceback) {
  const auto hash = hash_of(traceback);
  const auto [first, last] = ids_.equal_range(hash);
  for (auto known = first; known != last; ++known) {
    if (get(known->second) == traceback) {
      return known->second;
    }
  }
  const TracebackId id{static_cast<std::uint32_t>(tracebacks_.size())};
  tracebacks_.push_back(traceback);
  ids_.emplace(hash, id);
  frames_stored_ += traceback.frames.size();
  return id;
}

std::size_t TracebackTable::memory_bytes() const {
  // A node of the index: what it holds, the link to the next one, and the allocator's own bytes.
  constexpr std::size_t kNode = sizeof(std::pair<std::size_t, TracebackId>) + 2 * sizeof(void*);
  return tracebacks_.size() * (sizeof(Traceback) + kNode) + frames_stored_ * sizeof(StoredFrame) +
         ids_.bucket_count() * sizeof(void*);
}

}  // namespace memsnap
