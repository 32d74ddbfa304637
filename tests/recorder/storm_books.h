#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>

#include "tests/recorder/program_books.h"
#include "tests/targets/recorded/storm.h"

namespace memsnap::test {

/// What the storm's threads wrote down, as it is at this stop.
class StormBooks {
 public:
  StormBooks(Recorded& recorded, std::uint64_t address);

  /// Checks that the recorder has just what was written down and what was there before the threads began, each call
  /// that is under way as before it or as after it.
  void check(Recorded& recorded, const Base& base) const;

  /// The same where the recorder came later, or was told to forget: all that it has must be written down. A block whose
  /// free was under way when it was told so may still be there, and no longer be counted.
  void check_part(Recorded& recorded) const;

  /// Threads that are in an allocator call.
  std::size_t calls_under_way() const;

 private:
  std::set<std::uint64_t> records_under_way() const;  // by number
  // Takes out the blocks that calls under way were given: returns whose are still there.
  std::set<std::size_t> take_old(Blocks& blocks) const;
  // Takes out the block that a thread's call under way gives, if it is there. After take_old: another thread may be
  // freeing one of the same size.
  bool take_new(Blocks& blocks, std::size_t thread) const;

  std::unique_ptr<storm> storm_;
};

}  // namespace memsnap::test
