#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/heap/block_map.h"
#include "core/heap/roots.h"
#include "core/result.h"
#include "plugin/engine.h"
#include "plugin/session.h"

namespace memsnap {

/// The blocks of a stopped process or a core file, and what reaches them by itself. Good for this stop only.
class HeapSearch {
 public:
  /// Reads the blocks, and looks where roots are; not yet what they say. Errors: as Session::engine(), and those of
  /// the engine.
  static Result<HeapSearch> open(Session& session);

  /// A register that may hold a pointer, by Roots::words.
  struct RootRegister {
    OsThreadId thread{};
    Register which{};
  };

  HeapView view() const { return {*memory_, readable_, map_, roots_}; }
  const BlockMap& map() const { return map_; }
  /// By BlockIndex.
  const std::vector<LiveBlock>& blocks() const { return blocks_; }
  const std::vector<RootRegister>& registers() const { return registers_; }
  /// Whether there may be blocks that are not known. Then nothing between the known ones is taken for free memory.
  bool has_unknown_blocks() const { return has_unknown_blocks_; }

 private:
  HeapSearch(MemoryReader& memory, std::vector<LiveBlock> blocks);

  MemoryReader* memory_;
  std::vector<LiveBlock> blocks_;
  BlockMap map_;
  Roots roots_;
  std::vector<RootRegister> registers_;
  std::vector<AddressRange> readable_;
  bool has_unknown_blocks_ = false;
};

}  // namespace memsnap
