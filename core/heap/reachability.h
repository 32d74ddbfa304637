#pragma once

#include <cstdint>
#include <vector>

#include "core/heap/block_graph.h"

namespace memsnap {

/// Whether a program can still get to a block.
enum class Reach : std::uint8_t {
  reachable,        ///< from a root, by way of blocks or at once
  directly_lost,    ///< no root leads to it, and no other lost block points into it
  indirectly_lost,  ///< no root leads to it, but a lost block does
};

/// Tells for each block of a graph how it can be reached.
///
/// Of lost blocks that point at each other in a cycle, and that no other one points into, the one with the lowest
/// address is directly lost, and the rest indirectly: as valgrind counts them. (LeakSanitizer calls a whole cycle
/// indirectly lost.)
std::vector<Reach> find_reach(const BlockGraph& graph);

}  // namespace memsnap
