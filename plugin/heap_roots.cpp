#include "plugin/heap_roots.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "plugin/allocator_memory.h"
#include "plugin/thread_data.h"

namespace memsnap {
namespace {

// To read a device may change its state, or take for ever.
bool is_device(std::string_view name) {
  return name.starts_with("/dev/") && !name.starts_with("/dev/shm/") && !name.starts_with("/dev/zero");
}

bool is_memsnap(std::string_view name) {
  return name.starts_with("/memfd:memsnap") || name.starts_with("[anon:memsnap");
}

bool is_kernels(std::string_view name) { return name.starts_with("[v"); }  // vdso, vvar, vsyscall

bool is_empty(AddressRange range) { return range.end <= range.begin; }

AddressRange overlap(AddressRange left, AddressRange right) {
  return {std::max(left.begin, right.begin), std::min(left.end, right.end)};
}

// Ranges that are no roots, to be taken out of those that are.
class Taken {
 public:
  void add(AddressRange range) {
    if (!is_empty(range)) {
      ranges_.push_back(range);
    }
  }

  void sort() { std::ranges::sort(ranges_); }

  // What is left of `range`, into `roots`.
  void cut(AddressRange range, bool has_free_lists, std::vector<RootRange>& roots) const {
    auto begin = range.begin;
    for (const auto& taken : ranges_) {
      if (taken.begin >= range.end) {
        break;
      }
      if (begin < taken.begin) {
        roots.push_back({{begin, taken.begin}, has_free_lists});
      }
      begin = std::max(begin, taken.end);
    }
    if (begin < range.end) {
      roots.push_back({{begin, range.end}, has_free_lists});
    }
  }

 private:
  std::vector<AddressRange> ranges_;
};

class RootSearch {
 public:
  explicit RootSearch(const RootSources& sources) : sources_(sources) {}

  std::vector<RootRange> search() {
    for (const auto& range : sources_.own) {
      own_.add(range);
    }
    own_.sort();
    for (const auto& region : sources_.regions) {
      if (region.is_readable && !is_device(region.name) && !is_memsnap(region.name) && !is_kernels(region.name)) {
        add_region(region);
      }
    }
    return std::move(roots_);
  }

 private:
  // A module's variables may share a region with what follows them, even with the heap.
  void add_region(const MemoryRegion& region) {
    auto begin = region.range.begin;
    for (const auto& data : sources_.module_data) {
      if (const auto part = overlap(region.range, data.range); region.is_writable && !is_empty(part)) {
        add_memory(region, {begin, part.begin});
        add(part, data.has_free_lists, {});
        begin = part.end;
      }
    }
    if (region.is_writable || (region.name.empty() && !region.is_executable)) {
      add_memory(region, {begin, region.range.end});
    }
  }

  // Memory that is no module's.
  void add_memory(const MemoryRegion& region, AddressRange range) {
    if (is_empty(range)) {
      return;
    }
    std::vector<AddressRange> no_roots;
    const bool is_stack = add_unused_stacks(region, range, no_roots);
    if (!is_stack && !sources_.has_unknown_blocks) {
      if (region.name == "[heap]") {
        no_roots.push_back(range);
      } else {
        const auto allocators = allocator_ranges(sources_.memory, sources_.blocks, range);
        no_roots.insert(no_roots.end(), allocators.begin(), allocators.end());
      }
      if (!no_roots.empty()) {
        spare_thread_data(range, no_roots);
      }
    }
    add(range, sources_.has_unknown_blocks && !is_stack, no_roots);
  }

  // Whether it is memory of stacks, of which `no_roots` gets what is not in use.
  bool add_unused_stacks(const MemoryRegion& region, AddressRange range, std::vector<AddressRange>& no_roots) const {
    auto begin = range.begin;
    bool is_stack = false;
    std::vector<RootThread> here;
    bool has_thread_data = false;
    for (const auto& thread : sources_.threads) {
      has_thread_data = has_thread_data || range.contains(thread.pointer);
      if (range.contains(thread.sp)) {
        here.push_back(thread);
      }
    }
    std::ranges::sort(here, {}, &RootThread::sp);
    for (const auto& thread : here) {
      // Else it is one that the program made, beside who knows what. (The C library puts a thread's data above its
      // stack.)
      const bool is_threads = range.contains(thread.pointer) && thread.sp < thread.pointer;
      if (!is_threads && region.name != "[stack]" && !is_first_stack(sources_.memory, range)) {
        return false;
      }
      is_stack = true;
      const Address end{std::max(thread.sp.value, kRedZone) - kRedZone};
      no_roots.push_back({begin, end});
      begin = is_threads ? std::min(range.end, thread.pointer + kThreadData) : range.end;
    }
    if (here.empty() && !has_thread_data) {
      no_roots = ended_stack(sources_.memory, range);
    }
    return is_stack;
  }

  // A thread's own data may lie in an allocator's memory, as the first one's of a static program. It is what no block
  // has around its pointer.
  void spare_thread_data(AddressRange range, std::vector<AddressRange>& no_roots) const {
    for (const auto& thread : sources_.threads) {
      if (!range.contains(thread.pointer) || sources_.blocks.find(thread.pointer) != kNoBlock) {
        continue;
      }
      auto data = AddressRange{range.begin, std::min(range.end, thread.pointer + kThreadData)};
      const auto next = sources_.blocks.first_from(thread.pointer);
      if (next < sources_.blocks.size()) {
        data.end = std::min(data.end, sources_.blocks.range(next).begin);
      }
      if (next > 0) {
        data.begin = std::max(data.begin, sources_.blocks.range(next - 1).end);
      }
      std::vector<AddressRange> kept;
      for (const auto& taken : no_roots) {
        kept.push_back({taken.begin, std::min(taken.end, data.begin)});
        kept.push_back({std::max(taken.begin, data.end), taken.end});
      }
      no_roots = std::move(kept);
    }
  }

  // All of `range` but what is memsnap's, a block's or in `no_roots`.
  void add(AddressRange range, bool has_free_lists, const std::vector<AddressRange>& no_roots) {
    Taken taken;
    for (const auto& each : no_roots) {
      taken.add(each);
    }
    const auto& blocks = sources_.blocks;
    auto block = blocks.first_from(range.begin);
    // Of those that begin before it, and reach into it, the innermost and all around it.
    for (auto before = block == 0 ? kNoBlock : block - 1; before != kNoBlock; before = blocks.enclosing(before)) {
      taken.add(overlap(blocks.range(before), range));
    }
    for (; block < blocks.size() && blocks.range(block).begin < range.end; ++block) {
      taken.add(blocks.range(block));
    }
    taken.sort();
    std::vector<RootRange> left;
    taken.cut(range, has_free_lists, left);
    for (const auto& root : left) {
      own_.cut(root.range, has_free_lists, roots_);
    }
  }

  const RootSources& sources_;
  Taken own_;
  std::vector<RootRange> roots_;
};

}  // namespace

std::vector<RootRange> find_root_ranges(const RootSources& sources) { return RootSearch(sources).search(); }

std::vector<AddressRange> readable_ranges(std::span<const MemoryRegion> regions) {
  std::vector<AddressRange> ranges;
  for (const auto& region : regions) {
    if (region.is_readable && !is_device(region.name)) {
      ranges.push_back(region.range);
    }
  }
  return ranges;
}

}  // namespace memsnap
