#include "core/heap/word_scan.h"

#include <algorithm>

namespace memsnap {
namespace {

constexpr std::uint64_t kWindow = std::uint64_t{1} << 20;  // fits a processor's cache
// To read over what lies between two pieces costs less than to read again, up to here.
constexpr std::uint64_t kBridge = 16 * kPage;

}  // namespace

void WordScan::begin(std::span<const ScanPiece> pieces) {
  pieces_.clear();
  next_ = 0;
  bytes_ = 0;
  done_ = 0;
  for (const auto& piece : pieces) {
    add_readable(piece);
  }
}

void WordScan::add_readable(const ScanPiece& piece) {
  const auto add = [&](std::uint64_t begin, std::uint64_t end) {
    begin = (begin + kWord - 1) / kWord * kWord;
    end = end / kWord * kWord;
    if (begin < end) {
      pieces_.push_back({{{begin}, {end}}, piece.owner});
      bytes_ += end - begin;
    }
  };
  if (readable_.empty()) {
    add(piece.range.begin.value, piece.range.end.value);
    return;
  }
  auto range = std::ranges::upper_bound(readable_, piece.range.begin, {}, &AddressRange::end);
  for (; range != readable_.end() && range->begin < piece.range.end; ++range) {
    add(std::max(range->begin, piece.range.begin).value, std::min(range->end, piece.range.end).value);
  }
}

double WordScan::share() const { return bytes_ == 0 ? 1 : static_cast<double>(done_) / static_cast<double>(bytes_); }

bool WordScan::next_window() {
  for (const auto& piece : window_pieces_) {
    done_ += piece.range.end - piece.range.begin;
  }
  window_pieces_.clear();
  if (next_ == pieces_.size()) {
    return false;
  }
  window_begin_ = pieces_[next_].range.begin;
  auto end = window_begin_;
  while (next_ < pieces_.size()) {
    auto& [range, owner] = pieces_[next_];
    if (range.begin - end > kBridge || range.begin - window_begin_ >= kWindow) {
      break;
    }
    const auto part = std::min(range.end, window_begin_ + kWindow);
    window_pieces_.push_back({{range.begin, part}, owner});
    end = part;
    if (part < range.end) {
      range.begin = part;
      break;
    }
    ++next_;
  }
  read_window(end);
  return true;
}

// What cannot be read becomes zero: nothing that points anywhere.
void WordScan::read_window(Address end) {
  window_.resize((end - window_begin_) / kWord);
  auto bytes = std::as_writable_bytes(std::span(window_));
  auto at = window_begin_;
  while (at < end) {
    const auto rest = bytes.subspan(at - window_begin_);
    const auto read = memory_.read(at, rest);
    if (read >= rest.size()) {
      return;
    }
    const Address page{(at.value + read) / kPage * kPage + kPage};
    const auto gone = std::min(page, end);
    const auto hole = rest.subspan(read, gone - at - read);
    std::ranges::fill(hole, std::byte{0});
    at = gone;
  }
}

}  // namespace memsnap
