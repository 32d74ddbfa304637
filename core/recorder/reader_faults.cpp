#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/recorder/reader.h"

// What was freed, and what was asked that makes no sense.

namespace memsnap {
namespace {

constexpr std::uint64_t kFreedAtOnce = (std::uint64_t{4} << 20) / sizeof(layout::FreedEntry);

}  // namespace

Result<layout::FreedRing> RecorderReader::freed_ring() const {
  if (control_->history == 0) {
    return layout::FreedRing{};
  }
  layout::FreedRing ring{};
  if (auto done = memory_.read_values({control_->history}, std::span(&ring, 1)); !done) {
    return std::unexpected(std::move(done.error()));
  }
  if (ring.kept == 0 || ring.kept > layout::kMostHistory || ring.capacity < ring.kept ||
      ring.capacity > layout::kMostHistory + layout::kSpareHistory) {
    return damaged(fmt::format("{} of {} freed blocks", ring.kept, ring.capacity));
  }
  return ring;
}

Result<void> RecorderReader::for_each_freed(const std::function<bool(const RecordedFreed&)>& visit) const {
  const auto ring = freed_ring();
  if (!ring) {
    return std::unexpected(ring.error());
  }
  if (ring->kept == 0) {
    return {};
  }
  std::vector<std::uint64_t> pending;
  for (const auto& thread : threads_) {
    if (thread.is_pending()) {
      pending.push_back(thread.operation.history);
    }
  }
  const auto last = control_->history_count;
  const auto first = std::max(last > ring->capacity ? last - ring->capacity : 0, control_->history_floor);
  std::uint64_t visited = 0;
  std::vector<layout::FreedEntry> entries;
  for (auto end = last; end > first;) {
    // Down to where the ring begins, at most.
    const auto in_ring = (end - 1) % ring->capacity + 1;
    const auto count = std::min({in_ring, end - first, kFreedAtOnce});
    entries.resize(count);
    const auto at =
        Address{control_->history} + sizeof(layout::FreedRing) + (in_ring - count) * sizeof(layout::FreedEntry);
    if (auto done = memory_.read_values(at, std::span(entries)); !done) {
      return done;
    }
    for (std::uint64_t i = count; i-- > 0;) {
      const auto& entry = entries[i];
      const auto sequence = end - count + i + 1;
      if (entry.sequence != sequence || std::ranges::find(pending, sequence) != pending.end()) {
        continue;  // not complete, or one that had no room
      }
      if (!is_sound(entry.block) || entry.origin == 0 || entry.origin > control_->origin_count) {
        return damaged(fmt::format("a freed block at {:#x} is of no traceback", layout::block_address(entry.block)));
      }
      if (!visit({block_of(entry.block), entry.origin, entry.thread}) || ++visited == ring->kept) {
        return {};
      }
    }
    end -= count;
  }
  return {};
}

Result<std::optional<RecordedFreed>> RecorderReader::find_freed(Address address) const {
  std::optional<RecordedFreed> found;
  const auto done = for_each_freed([&](const RecordedFreed& freed) {
    const auto& block = freed.block;
    if (block.address == address || (block.address <= address && address - block.address < block.size)) {
      found = freed;
    }
    return !found;
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  return found;
}

Result<layout::OriginRecord> RecorderReader::read_record(std::uint32_t number) const {
  layout::OriginRecord found{};
  const auto done = for_each_record(number, number, [&](std::uint32_t, const auto& record) -> Result<void> {
    found = record;
    return {};
  });
  if (!done) {
    return std::unexpected(done.error());
  }
  return found;
}

Result<std::vector<RecordedFault>> RecorderReader::read_faults() const {
  std::vector<RecordedFault> faults;
  const auto is_origin = [&](std::uint32_t number) { return number != 0 && number <= control_->origin_count; };
  for (const auto& record : std::span(control_->faults).first(std::min(control_->fault_count, layout::kFaults))) {
    if (record.is_filled == 0) {
      continue;
    }
    const bool was_freed = record.kind == layout::FaultKind::freed_again;
    if (record.kind >= layout::FaultKind::count || !is_origin(record.origin) ||
        (record.block.low != 0 && !is_sound(record.block)) || (was_freed && !is_origin(record.first_freed))) {
      return damaged("a fault of no kind or no traceback");
    }
    RecordedFault fault{.kind = record.kind,
                        .address = {record.address},
                        .times = record.times,
                        .origin = record.origin,
                        .thread = record.thread,
                        .first_freed = was_freed ? record.first_freed : 0,
                        .first_thread = record.first_thread,
                        .taken = record.families,
                        .is_on_stack = record.is_on_stack != 0,
                        .is_reallocated = record.is_reallocated != 0};
    if (record.block.low != 0) {
      fault.block = block_of(record.block);
      const auto given = read_record(fault.block->origin);
      if (!given) {
        return std::unexpected(given.error());
      }
      fault.given = given->families & layout::kAnyFamily;
      fault.domain = given->domain;
    }
    faults.push_back(fault);
  }
  return faults;
}

}  // namespace memsnap
