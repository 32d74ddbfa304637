#include "core/heap/roots.h"

namespace memsnap {

std::vector<ScanPiece> pieces_of(const Roots& roots) {
  std::vector<ScanPiece> pieces;
  pieces.reserve(roots.ranges.size());
  for (const auto& root : roots.ranges) {
    pieces.push_back({root.range, static_cast<std::uint32_t>(pieces.size())});
  }
  return pieces;
}

std::vector<ScanPiece> pieces_of(const BlockMap& blocks) {
  std::vector<ScanPiece> pieces;
  for (const auto& piece : blocks.pieces()) {
    pieces.push_back({piece.range, piece.block});
  }
  return pieces;
}

}  // namespace memsnap
