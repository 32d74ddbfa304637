#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "core/recorder/books.h"
#include "core/trace/ledger.h"

namespace memsnap {

/// What is live from one origin.
struct LiveOrigin {
  std::uint32_t number = 0;  ///< RecordedOrigin::number
  std::uint64_t size = 0;    ///< bytes asked for
  std::uint64_t count = 0;   ///< blocks

  auto operator<=>(const LiveOrigin&) const = default;
};

/// What an origin gave since the start or the last clear, freed or not.
struct GivenByOrigin {
  std::uint64_t size = 0;   ///< bytes asked for
  std::uint64_t count = 0;  ///< calls that gave a block

  auto operator<=>(const GivenByOrigin&) const = default;
};

/// Turns the recorder's counters, which only go up, into what is live since the start or the last clear.
///
/// All books given to it come from one recorder. What clear() forgot stays forgotten: also the blocks of calls that
/// were under way at that moment, and which enter the books only later.
class RecordedLedger {
 public:
  /// What happened since the start or the last clear.
  Totals totals(const RecordedBooks& books) const;
  /// By origin, those with count > 0, ascending by number.
  std::vector<LiveOrigin> live(const RecordedBooks& books) const;
  /// Of every origin, by number - 1.
  std::vector<GivenByOrigin> given(const RecordedBooks& books) const;
  /// Whether clear() forgot a block that RecorderReader::for_each_block still shows, as its free or realloc has not
  /// come to its end. (The caller empties the recorder's table by Control::generation.)
  bool forgets(const RecordedBooks& books, const RecordedBlock& block) const;

  /// Forgets everything that is in `books` or under way. At the same stop the caller sets Control::peak and
  /// `forgotten` to RecordedBooks::live, so that the peak is of what comes after.
  void clear(const RecordedBooks& books);
  /// The peak becomes what is live in `books`. At the same stop the caller sets Control::peak to
  /// RecordedBooks::live.
  void reset_peak(const RecordedBooks& books);

 private:
  struct Live {
    std::int64_t size = 0;
    std::int64_t count = 0;
  };

  std::vector<Live> live_since_clear(const RecordedBooks& books) const;
  std::vector<PendingChange> still_pending(const RecordedBooks& books) const;

  std::vector<Live> forgotten_;         // by number - 1
  std::vector<GivenByOrigin> given_;    // the same, of what was forgotten
  std::vector<PendingChange> pending_;  // what of that was under way
  Totals base_;                         // `peak` is the least that it may be
};

}  // namespace memsnap
