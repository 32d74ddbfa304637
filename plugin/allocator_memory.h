#pragma once

#include <vector>

#include "core/address.h"
#include "core/heap/block_map.h"
#include "core/memory_reader.h"

namespace memsnap {

/// What of a mapped range is an allocator's, so that nothing between the blocks in it is the program's.
///
/// Neighbours that were mapped apart may be one region to the kernel. glibc's own memory is told from the program's by
/// its headers: arenas, also those without a live block, and blocks that were mapped alone. A range with blocks of any
/// other kind is an allocator's as a whole. Empty for a range without blocks that is no arena.
std::vector<AddressRange> allocator_ranges(MemoryReader& memory, const BlockMap& blocks, AddressRange range);

/// Whether a range is the stack that the kernel made for the process: at its end stands the program's name.
bool is_first_stack(MemoryReader& memory, AddressRange range);

/// The stack of a thread that has ended, where glibc keeps one at the end of `range` for the next thread: what is of
/// the past of it and of the thread's data. The table of its thread-local data, which the next thread gets as well, is
/// pointed to by what lies between. Empty where there is none. To be asked where no live thread has its data.
std::vector<AddressRange> ended_stack(MemoryReader& memory, AddressRange range);

}  // namespace memsnap
