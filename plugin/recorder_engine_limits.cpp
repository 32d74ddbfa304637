#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "core/recorder/layout.h"
#include "plugin/recorder_engine.h"

// The limits that the user has set: the recorder compares, and stops its thread where one may have been passed.

namespace memsnap {
namespace {

using layout::Place;

constexpr std::uint64_t kLargestLimit = std::uint64_t{1} << 62;

std::int64_t as_limit(std::uint64_t bytes) { return static_cast<std::int64_t>(std::min(bytes, kLargestLimit)); }

}  // namespace

Result<void> RecorderEngine::set_limit(std::optional<std::uint64_t> bytes) {
  limit_ = bytes;
  return is_installed_ && !is_gone_ ? tell_limit() : Result<void>();
}

Result<void> RecorderEngine::set_site_limit(std::optional<SiteLimit> limit) {
  site_limit_ = std::move(limit);
  for (auto& known : origins_) {
    known.place = Place::unknown;
  }
  return is_installed_ && !is_gone_ ? tell_site_limit() : Result<void>();
}

Result<void> RecorderEngine::tell_limits() {
  if (auto told = tell_limit(); !told) {
    return told;
  }
  return tell_site_limit();
}

// The recorder counts from its first call on, and looks at once where a thread's gain is past these extremes.
Result<void> RecorderEngine::tell_limit() {
  layout::Limit limit{};
  if (limit_) {
    const auto totals = this->totals();
    if (!totals) {
      return std::unexpected(totals.error());
    }
    const auto forgotten = installation_->get<std::int64_t>(offsetof(layout::Control, forgotten));
    limit.bytes = as_limit(*limit_) + forgotten;
    limit.rise = std::numeric_limits<std::int64_t>::min();
    limit.fall = std::numeric_limits<std::int64_t>::max();
    limit.is_past = totals->size > *limit_ ? 1 : 0;
  }
  if (auto watched = watch_limits(); !watched) {
    return watched;
  }
  if (auto set = installation_->set(offsetof(layout::Control, limit), limit); !set || !limit_) {
    return set;
  }
  return installation_->set(offsetof(layout::Control, allowance), limit.rise);
}

// What a thread that is busy does next may be told by the places as they were. Then nothing is known but that the
// debugger is to be asked at the next block.
Result<void> RecorderEngine::tell_site_limit() {
  layout::SiteLimit limit{};
  if (site_limit_) {
    const auto books = read_books();
    if (!books) {
      return std::unexpected(books.error());
    }
    if (auto marked = mark_places(); !marked) {
      return marked;
    }
    const auto size = size_at_site(*books);
    limit.bytes = as_limit(site_limit_->bytes);
    limit.live = static_cast<std::int64_t>(size);
    limit.unknown = books->is_quiet ? 0 : static_cast<std::int64_t>(kLargestLimit);
    limit.is_set = 1;
    limit.is_past = size > site_limit_->bytes ? 1 : 0;
  }
  if (auto watched = watch_limits(); !watched) {
    return watched;
  }
  return installation_->set(offsetof(layout::Control, site_limit), limit);
}

std::uint64_t RecorderEngine::size_at_site(const RecordedBooks& books) const {
  std::uint64_t size = 0;
  for (const auto& live : ledger_.live(books)) {
    const bool is_there = live.number <= origins_.size() && origins_[live.number - 1].place == Place::at_site;
    size += is_there ? live.size : 0;
  }
  return size;
}

// A record's other words are written back as they were read: no thread runs meanwhile.
Result<void> RecorderEngine::mark_places() {
  std::vector<layout::OriginRecord> records;
  for (std::size_t begin = 0; begin < origins_.size(); begin += layout::kOriginsPerChunk) {
    const auto chunk_number = begin / layout::kOriginsPerChunk;
    const auto known = std::span(origins_).subspan(begin).first(
        std::min<std::size_t>(layout::kOriginsPerChunk, origins_.size() - begin));
    const auto is_new = [](const Known& origin) { return origin.is_known && origin.place == Place::unknown; };
    const auto first = std::ranges::find_if(known, is_new);
    if (first == known.end()) {
      continue;
    }
    const Address chunk{installation_->get<std::uint64_t>(offsetof(layout::Control, origin_chunks) +
                                                          chunk_number * sizeof(std::uint64_t))};
    records.resize(static_cast<std::size_t>(known.end() - first));
    const auto from = chunk + static_cast<std::uint64_t>(first - known.begin()) * sizeof records.front();
    const auto bytes = std::as_writable_bytes(std::span(records));
    if (!chunk || debugger_.memory().read(from, bytes) != bytes.size()) {
      return fail(Code::unmapped, "the recorder's tables cannot be read", from);
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
      auto& origin = *(first + static_cast<std::ptrdiff_t>(i));
      if (is_new(origin)) {
        origin.place = site_limit_->is_there(origin.traceback) ? Place::at_site : Place::elsewhere;
      }
      records[i].place = origin.place;
    }
    if (auto written = debugger_.write(from, bytes); !written) {
      return written;
    }
  }
  return {};
}

Result<void> RecorderEngine::watch_limits() {
  if (!limit_ && !site_limit_) {
    if (const auto at_passed = std::exchange(at_passed_, std::nullopt)) {
      debugger_.remove_breakpoints(std::span(&*at_passed, 1));
    }
    return {};
  }
  if (at_passed_) {
    return {};
  }
  const auto breakpoint = debugger_.set_breakpoint(installation_->passed());
  if (!breakpoint) {
    return std::unexpected(breakpoint.error());
  }
  at_passed_ = *breakpoint;
  return {};
}

PassedLimits RecorderEngine::take_passed() {
  PassedLimits passed;
  const auto limit = installation_->get<layout::Limit>(offsetof(layout::Control, limit));
  if (limit_ && limit.tells != 0) {
    const std::uint32_t taken = 0;
    static_cast<void>(installation_->set(offsetof(layout::Control, limit) + offsetof(layout::Limit, tells), taken));
    const auto forgotten = installation_->get<std::int64_t>(offsetof(layout::Control, forgotten));
    passed.size = static_cast<std::uint64_t>(std::max<std::int64_t>(limit.passed - forgotten, 0));
  }
  const auto is_asked = offsetof(layout::Control, site_limit) + offsetof(layout::SiteLimit, asks);
  if (site_limit_ && installation_->get<std::uint32_t>(is_asked) != 0) {
    // Before another block: one that is asked about is within the limit as far as the recorder knows.
    static_cast<void>(tell_site_limit());
    const auto told = installation_->get<layout::SiteLimit>(offsetof(layout::Control, site_limit));
    if (told.is_past != 0) {
      passed.size_at_site = static_cast<std::uint64_t>(told.live);
    }
  }
  return passed;
}

}  // namespace memsnap
