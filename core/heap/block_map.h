#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/address.h"

namespace memsnap {

/// A block by its place in the list that a BlockMap was made of.
using BlockIndex = std::uint32_t;
inline constexpr BlockIndex kNoBlock = 0xffffffff;

/// A stretch of a block's memory in which no other block lies.
struct BlockPiece {
  AddressRange range;
  BlockIndex block = kNoBlock;

  constexpr auto operator<=>(const BlockPiece&) const = default;
};

/// Finds the block that an address lies in.
///
/// Asked for each word of a process' memory, so nearly all of its work is saying no: addresses cluster, a heap far from
/// the others, so there is an array by page for each cluster, and a few blocks to look at for each page.
class BlockMap {
 public:
  /// `blocks`: fewer than kNoBlock, ascending by begin; of those with one begin, the larger first. One may lie in
  /// another. One without bytes has its own address all the same.
  explicit BlockMap(std::span<const AddressRange> blocks);

  /// The block with `address` in it, one past the end being outside; the innermost where one lies in another. kNoBlock
  /// where there is none.
  BlockIndex find(Address address) const {
    return address.value - low_ < span_ ? find_in_clusters(address.value) : kNoBlock;
  }

  /// Every address of a block lies in here.
  AddressRange bounds() const { return {{low_}, {low_ + span_}}; }
  std::size_t size() const { return blocks_.size(); }
  /// The first block that begins at `address` or above; size() where there is none.
  BlockIndex first_from(Address address) const;
  AddressRange range(BlockIndex block) const { return {{blocks_[block].begin}, {blocks_[block].end}}; }

  /// The innermost block that begins before `block` and reaches into it, as one does that it lies in; kNoBlock mostly.
  BlockIndex enclosing(BlockIndex block) const { return enclosing_.empty() ? kNoBlock : enclosing_[block]; }
  bool has_nested() const { return !enclosing_.empty(); }

  /// The memory of all blocks, ascending by address, each byte once. A block in which others lie has several pieces.
  std::vector<BlockPiece> pieces() const;

 private:
  struct Extent {
    std::uint64_t begin;
    std::uint64_t end;
  };
  struct Cluster {
    std::uint64_t begin;  // inclusive
    std::uint64_t end;    // exclusive
    unsigned shift;       // of addresses, to pages
    std::size_t pages;    // index in pages_ of its first
  };

  BlockIndex find_in_clusters(std::uint64_t address) const;
  void find_enclosing();
  void add_cluster(BlockIndex first, BlockIndex last, std::uint64_t end);

  std::uint64_t low_ = 0;
  std::uint64_t span_ = 0;
  std::vector<Extent> blocks_;
  std::vector<BlockIndex> enclosing_;  // empty where no block lies in another
  std::vector<Cluster> clusters_;      // ascending
  // How many blocks begin below a page, by page, and after a cluster's last page once more.
  std::vector<BlockIndex> pages_;
};

}  // namespace memsnap
