#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "core/address.h"
#include "core/memory_reader.h"
#include "core/result.h"

namespace memsnap {

/// Memory to look through, and whose it is.
struct ScanPiece {
  AddressRange range;
  std::uint32_t owner = 0;
};

/// Called now and then with the share done, 0 to 1; false ends the work. May be empty.
using ScanProgress = std::function<bool(double)>;

/// Looks through memory word by word, reading it in large windows.
///
/// A word is 8 bytes at a multiple of 8 that lie in one piece as a whole. What cannot be read is skipped.
class WordScan {
 public:
  /// `readable`: ascending; nothing else is tried to be read. Empty: everything is tried. Borrows all of it for life.
  WordScan(MemoryReader& memory, std::span<const AddressRange> readable) : memory_(memory), readable_(readable) {}

  /// Calls `visit(owner, address, value)` for each word whose value lies in `wanted`. `pieces` are ascending and do not
  /// overlap. Errors: Code::interrupted.
  template <typename Visit>
  Result<void> scan(std::span<const ScanPiece> pieces, AddressRange wanted, const ScanProgress& progress,
                    const Visit& visit) {
    const auto low = wanted.begin.value;
    const auto span = wanted.end - wanted.begin;
    begin(pieces);
    while (next_window()) {
      if (progress && !progress(share())) {
        return fail(Code::interrupted, "interrupted");
      }
      for (const auto& [range, owner] : window_pieces_) {
        const auto* words = window_.data() + (range.begin - window_begin_) / kWord;
        const auto count = (range.end - range.begin) / kWord;
        for (std::uint64_t i = 0; i < count; ++i) {
          if (words[i] - low < span) {
            visit(owner, range.begin + i * kWord, words[i]);
          }
        }
      }
    }
    return {};
  }

 private:
  void begin(std::span<const ScanPiece> pieces);
  bool next_window();
  double share() const;
  void add_readable(const ScanPiece& piece);
  void read_window(Address end);

  MemoryReader& memory_;
  std::span<const AddressRange> readable_;
  std::vector<ScanPiece> pieces_;  // whole words that can be read
  std::size_t next_ = 0;           // in pieces_
  std::uint64_t bytes_ = 0;        // of all pieces
  std::uint64_t done_ = 0;
  Address window_begin_;
  std::vector<ScanPiece> window_pieces_;
  std::vector<std::uint64_t> window_;
};

}  // namespace memsnap
