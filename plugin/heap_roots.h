#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/address.h"
#include "core/heap/block_map.h"
#include "core/heap/roots.h"
#include "core/memory_reader.h"
#include "plugin/debugger.h"

namespace memsnap {

/// A stopped thread, as far as it says what it can reach.
struct RootThread {
  Address sp;       ///< rsp; 0 where it is not known
  Address pointer;  ///< where its own data is (fs base); 0 where that is not known
};

/// Memory of a module that can be written to; whole pages.
struct ModuleData {
  AddressRange range;
  bool has_free_lists = false;  ///< glibc's malloc keeps its lists here
};

/// What there is in a process to find roots in. Borrows everything.
struct RootSources {
  MemoryReader& memory;
  std::span<const MemoryRegion> regions;    ///< ascending
  std::span<const ModuleData> module_data;  ///< ascending
  std::span<const RootThread> threads;
  std::span<const AddressRange> own;  ///< memsnap's memory in the process, in any order
  const BlockMap& blocks;
  /// There are blocks that are not known: what lies between the known ones may be theirs.
  bool has_unknown_blocks = false;
};

/// The memory that a program reaches without any block, ascending.
///
/// Roots are the variables of modules, stacks from their stack pointer on, thread-local data, and what else is mapped
/// to be written and is no allocator's. No roots, as what stands there is mostly of the past: what an allocator has
/// between and around its blocks, stacks below their pointer, stacks of threads that have ended, memsnap's own memory.
///
/// Read-only data of modules is none: what is written there before it is protected is the loader's, and older than any
/// block. Memory without a name that cannot be written is one, as a program may have protected its own.
std::vector<RootRange> find_root_ranges(const RootSources& sources);

/// What of the process is worth trying to read, ascending: all but devices.
std::vector<AddressRange> readable_ranges(std::span<const MemoryRegion> regions);

}  // namespace memsnap
