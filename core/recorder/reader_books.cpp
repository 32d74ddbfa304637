#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/recorder/reader.h"

namespace memsnap {
namespace {

// Bytes of a thread's table that are read at a time.
constexpr std::size_t kForeignPiece = std::size_t{1} << 20;

}  // namespace

Result<RecordedBooks> RecorderReader::read_books() const {
  RecordedBooks books;
  books.mapped = control_->mapped;
  books.peak = static_cast<std::uint64_t>(std::max<std::int64_t>(control_->peak - control_->forgotten, 0));
  std::ranges::copy(control_->not_recorded, books.not_recorded.begin());
  books.faults_lost = control_->faults_lost;
  const auto ring = freed_ring();
  if (!ring) {
    return std::unexpected(ring.error());
  }
  books.history = ring->kept;
  auto done = add_origins(books);
  if (done) {
    add_threads(books);
    done = add_foreign_frees(books);
  }
  if (!done) {
    return std::unexpected(std::move(done.error()));
  }
  for (const auto& origin : books.origins) {
    if (origin.freed_count > origin.allocated_count || origin.freed_bytes > origin.allocated_bytes) {
      return damaged(fmt::format("more was freed than allocated of traceback {}", origin.number));
    }
  }
  return books;
}

Result<void> RecorderReader::for_each_record(std::uint32_t first, std::uint32_t last, const RecordVisit& visit) const {
  std::vector<layout::OriginRecord> records;
  for (auto number = first; number <= last;) {
    const auto chunk = (number - 1) / layout::kOriginsPerChunk;
    const auto skipped = (number - 1) % layout::kOriginsPerChunk;
    records.assign(std::min(last - number + 1, layout::kOriginsPerChunk - skipped), {});
    // A chunk that is not there yet holds nothing.
    if (const Address begin{control_->origin_chunks[chunk]}) {
      const auto at = begin + std::uint64_t{skipped} * sizeof(layout::OriginRecord);
      if (auto done = memory_.read_values(at, std::span(records)); !done) {
        return done;
      }
    }
    for (const auto& record : records) {
      if (auto done = visit(number++, record); !done) {
        return done;
      }
    }
  }
  return {};
}

Result<void> RecorderReader::add_origins(RecordedBooks& books) const {
  books.origins.reserve(control_->origin_count);
  return for_each_record(1, control_->origin_count, [&](std::uint32_t number, const auto& record) -> Result<void> {
    auto& origin = books.origins.emplace_back();
    if (is_filled(record)) {
      origin = {number,
                record.thread,
                record.domain,
                record.allocated_count,
                record.allocated_bytes,
                record.freed_count,
                record.freed_bytes};
    }
    return {};
  });
}

void RecorderReader::add_threads(RecordedBooks& books) const {
  for (const auto& thread : threads_) {
    books.threads.push_back(thread.id);
    books.unknown_frees += thread.unknown_frees;
    books.missed_frees += thread.missed_frees;
    books.live += thread.live;
    books.is_quiet = books.is_quiet && !thread.is_busy && thread.reallocated() == nullptr;
    for (std::size_t reason = 0; reason < layout::kReasons; ++reason) {
      books.not_recorded[reason] += thread.not_recorded[reason];
    }
    const auto known = books.pending.size();
    for (const auto* entry : {thread.given(), thread.freed(), thread.reallocated()}) {
      if (entry != nullptr && is_sound(*entry)) {
        books.pending.push_back({.thread = thread.id.index,
                                 .completed = thread.unknown_frees + thread.missed_frees,
                                 .is_free = entry != thread.given(),
                                 .block = block_of(*entry)});
      }
    }
    if (books.pending.size() > known) {
      std::uint64_t own = 0;
      for (const auto& origin : books.origins) {
        own += origin.thread == thread.id.index ? origin.allocated_count + origin.freed_count : 0;
      }
      for (auto& change : std::span(books.pending).subspan(known)) {
        change.completed += own;
      }
    }
  }
}

Result<void> RecorderReader::add_foreign_frees(RecordedBooks& books) const {
  std::vector<layout::ForeignFrees> slots;
  for (const auto& thread : threads_) {
    if (!thread.foreign) {
      continue;
    }
    layout::ForeignTable table{};
    if (auto done = memory_.read_values(thread.foreign, std::span(&table, 1)); !done) {
      return done;
    }
    if (table.capacity > control_->mapped / sizeof(layout::ForeignFrees)) {
      return damaged(fmt::format("thread {} has a table of {} entries", thread.id.index, table.capacity));
    }
    const auto begin = thread.foreign + sizeof table;
    std::uint64_t total = 0;
    for (std::uint64_t done = 0; done < table.capacity; done += slots.size()) {
      slots.resize(std::min<std::uint64_t>(table.capacity - done, kForeignPiece / sizeof slots.front()));
      if (auto read = memory_.read_values(begin + done * sizeof slots.front(), std::span(slots)); !read) {
        return read;
      }
      for (const auto& slot : slots) {
        if (slot.origin > books.origins.size()) {
          return damaged(fmt::format("thread {} freed blocks of traceback {}", thread.id.index, slot.origin));
        }
        if (slot.origin != 0) {
          auto& origin = books.origins[slot.origin - 1];
          origin.freed_count += slot.freed_count;
          origin.freed_bytes += slot.freed_bytes;
          total += slot.freed_count;
        }
      }
    }
    for (auto& change : books.pending) {
      change.completed += change.thread == thread.id.index ? total : 0;
    }
  }
  return {};
}

}  // namespace memsnap
