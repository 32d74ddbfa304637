#include "plugin/allocator_memory.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "plugin/thread_data.h"

namespace memsnap {
namespace {

// Source: glibc, malloc/arena.c: heaps are aligned to HEAP_MAX_SIZE, and begin with a heap_info.
constexpr std::uint64_t kArena = std::uint64_t{64} << 20;

struct HeapInfo {
  std::uint64_t arena;           // the malloc_state
  std::uint64_t previous;        // HeapInfo of the same arena; 0 for the first, which the malloc_state is in
  std::uint64_t size;            // bytes in use
  std::uint64_t protected_size;  // bytes that can be used; never less
};

bool begins_arena(MemoryReader& memory, Address begin) {
  HeapInfo info{};
  const auto bytes = std::as_writable_bytes(std::span(&info, 1));
  if (memory.read(begin, bytes) != bytes.size()) {
    return false;
  }
  const auto offset = info.arena % kArena;
  const bool is_first = info.arena - offset == begin.value && info.previous == 0;
  const bool is_further = info.previous != 0 && info.previous % kArena == 0 && info.previous != begin.value;
  return offset >= sizeof info && offset <= 2 * sizeof info && (is_first || is_further) && info.size != 0 &&
         info.size <= info.protected_size && info.protected_size <= kArena && info.size % kPage == 0;
}

// The memory of a block that glibc mapped for it alone. Source: glibc, malloc/malloc.c, "A chunk of memory",
// IS_MMAPPED: before the block stand its offset in the mapping, mostly 0, and the size of the rest of it with that
// flag.
std::optional<AddressRange> own_mapping(MemoryReader& memory, AddressRange block) {
  constexpr std::uint64_t kHead = 2 * kWord;
  constexpr std::uint64_t kFlags = 7;
  constexpr std::uint64_t kIsMapped = 2;
  if (block.begin.value % kHead != 0) {
    return std::nullopt;
  }
  std::array<std::uint64_t, 2> head{};
  const auto chunk = block.begin - kHead;
  const auto bytes = std::as_writable_bytes(std::span(head));
  if (memory.read(chunk, bytes) != bytes.size() || (head[1] & kFlags) != kIsMapped) {
    return std::nullopt;
  }
  const AddressRange mapping{chunk - head[0], chunk + (head[1] & ~kFlags)};
  const bool is_sound = mapping.begin.value % kPage == 0 && mapping.end.value % kPage == 0 && mapping.begin <= chunk &&
                        block.end <= mapping.end;
  return is_sound ? std::optional(mapping) : std::nullopt;
}

}  // namespace

std::vector<AddressRange> allocator_ranges(MemoryReader& memory, const BlockMap& blocks, AddressRange range) {
  const Address first_arena{(range.begin.value + kArena - 1) / kArena * kArena};
  std::vector<AddressRange> arenas;
  for (auto arena = first_arena; arena < range.end; arena = arena + kArena) {
    if (begins_arena(memory, arena)) {
      arenas.push_back({arena, std::min(range.end, arena + kArena)});
    }
  }
  auto ranges = arenas;
  auto end = range.begin;  // all below is known
  for (auto block = blocks.first_from(range.begin); block < blocks.size(); ++block) {
    const auto at = blocks.range(block);
    if (at.begin >= range.end) {
      break;
    }
    if (at.begin < end) {
      continue;
    }
    const auto arena = std::ranges::find_if(arenas, [&](AddressRange each) { return each.contains(at.begin); });
    if (arena != arenas.end()) {
      end = arena->end;
      continue;
    }
    const auto mapping = own_mapping(memory, at);
    if (!mapping) {
      return {range};
    }
    ranges.push_back(*mapping);
    end = mapping->end;
  }
  return ranges;
}

bool is_first_stack(MemoryReader& memory, AddressRange range) {
  // Source: Linux, fs/exec.c, bprm_execve and fs/binfmt_elf.c: a null pointer, and below it the path with its zero.
  constexpr std::size_t kEnd = kWord + 2;
  std::array<std::byte, kEnd> bytes{};
  if (range.end - range.begin < kPage || memory.read(range.end - kEnd, bytes) != kEnd) {
    return false;
  }
  return bytes[0] != std::byte{0} &&
         std::ranges::all_of(std::span(bytes).subspan(1), [](std::byte byte) { return byte == std::byte{0}; });
}

std::vector<AddressRange> ended_stack(MemoryReader& memory, AddressRange range) {
  // Up to header.self in struct pthread, behind header.dtv; and the whole of it.
  constexpr std::uint64_t kKept = 0x10;
  constexpr std::uint64_t kSize = 0x900;
  std::vector<AddressRange> found;
  for (const auto& [pointer, tid] : find_gnu_threads(memory, range)) {
    if (tid <= 0) {
      found = {{range.begin, pointer}, {pointer + kKept, std::min(range.end, pointer + kSize)}};
    }
  }
  return found;
}

}  // namespace memsnap
