#include <algorithm>
#include <cstring>

#include "core/unwind/walk.h"

namespace memsnap {

std::size_t StackReader::read(Address address, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto at = address + done;
    const auto& piece = piece_at(at);
    const auto skipped = at - piece.begin;
    if (skipped >= piece.size) {
      break;
    }
    const auto count = std::min<std::size_t>(into.size() - done, piece.size - static_cast<std::size_t>(skipped));
    std::memcpy(into.data() + done, piece.bytes.data() + skipped, count);
    done += count;
  }
  return done;
}

const StackReader::Piece& StackReader::piece_at(Address address) {
  // Most reads fall into the piece of the read before.
  for (auto i = used_; i-- > 0;) {
    const auto& piece = pieces_[i];
    if (piece.begin <= address && address - piece.begin < piece.bytes.size()) {
      return piece;
    }
  }
  // A walk that goes on where the last piece ended is a deep one: ask for more at a time. What could not be read is
  // kept too, so that it is asked for once.
  auto size = kPage;
  if (used_ > 0) {
    const auto& last = pieces_[used_ - 1];
    const bool goes_on =
        last.size == last.bytes.size() && last.begin + last.size == Address{address.value & ~(kPage - 1)};
    size = goes_on ? std::min(last.bytes.size() * 4, kLargestPiece) : kPage;
  }
  if (used_ == pieces_.size()) {
    pieces_.emplace_back();
  }
  auto& piece = pieces_[used_++];
  piece.begin = Address{address.value & ~(kPage - 1)};
  // Not beyond a known piece, nor around the end of the address space.
  for (std::size_t i = 0; i + 1 < used_; ++i) {
    if (pieces_[i].begin > piece.begin) {
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, pieces_[i].begin - piece.begin));
    }
  }
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size - 1, ~piece.begin.value)) + 1;
  piece.bytes.resize(size);
  piece.size = memory_.read(piece.begin, piece.bytes);
  const auto skipped = static_cast<std::size_t>(address - piece.begin);
  if (skipped >= piece.size && skipped > 0) {
    // Memory that begins inside the page: some cores and remote stubs have such.
    piece.begin = address;
    piece.bytes.resize(std::min(kPage, size) - std::min(skipped, std::min(kPage, size) - 1));
    piece.size = memory_.read(piece.begin, piece.bytes);
  }
  return piece;
}

void StackReader::reset() { used_ = 0; }

}  // namespace memsnap
