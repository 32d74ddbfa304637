#include "plugin/heap_search.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "core/module.h"
#include "plugin/heap_roots.h"

namespace memsnap {
namespace {

constexpr std::array kRegisters = {Register::rax, Register::rbx, Register::rcx, Register::rdx,
                                   Register::rsi, Register::rdi, Register::rbp, Register::rsp,
                                   Register::r8,  Register::r9,  Register::r10, Register::r11,
                                   Register::r12, Register::r13, Register::r14, Register::r15};

std::vector<AddressRange> ranges_of(const std::vector<LiveBlock>& blocks) {
  std::vector<AddressRange> ranges;
  ranges.reserve(blocks.size());
  for (const auto& block : blocks) {
    ranges.push_back({block.address, block.address + block.size});
  }
  return ranges;
}

// Of blocks with one address the larger comes first: the smaller lies in it.
std::vector<LiveBlock> outer_first(std::vector<LiveBlock> blocks) {
  const auto is_before = [](const LiveBlock& left, const LiveBlock& right) {
    return left.address != right.address ? left.address < right.address : left.size > right.size;
  };
  if (!std::ranges::is_sorted(blocks, is_before)) {  // mostly no two have one address
    std::ranges::stable_sort(blocks, is_before);
  }
  return blocks;
}

bool is_gnu_c_library(const MappedModule& module) {
  const auto name = base_name(module.module.path);
  return name.starts_with("libc.so") || name.starts_with("libc-");
}

// In a program without a C library of its own mapping glibc's malloc can be in any module.
std::vector<ModuleData> module_data(Debugger& debugger) {
  const auto modules = whole_modules(debugger);
  const bool is_static = std::ranges::none_of(modules, is_gnu_c_library);
  std::vector<ModuleData> data;
  for (const auto& module : modules) {
    for (const auto& segment : module.segments) {
      data.push_back({segment, is_static || is_gnu_c_library(module)});
    }
  }
  std::ranges::sort(data, {}, [](const ModuleData& each) { return each.range; });
  return data;
}

std::uint64_t not_recorded(const EngineReport& report) {
  return std::accumulate(report.not_recorded.begin(), report.not_recorded.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& reason) { return sum + reason.second; });
}

}  // namespace

HeapSearch::HeapSearch(MemoryReader& memory, std::vector<LiveBlock> blocks)
    : memory_(&memory), blocks_(outer_first(std::move(blocks))), map_(ranges_of(blocks_)) {}

Result<HeapSearch> HeapSearch::open(Session& session) {
  const auto engine = session.engine();
  if (!engine) {
    return std::unexpected(engine.error());
  }
  auto blocks = (*engine)->live_blocks();
  if (!blocks) {
    return std::unexpected(blocks.error());
  }
  auto own = (*engine)->own_memory();
  if (!own) {
    return std::unexpected(own.error());
  }
  const auto& debuggers = session.debugger_memory();
  own->insert(own->end(), debuggers.begin(), debuggers.end());
  auto& debugger = session.debugger();
  HeapSearch search(debugger.memory(), std::move(*blocks));
  search.has_unknown_blocks_ =
      session.since_start_only() || (*engine)->has_forgotten_blocks() || not_recorded((*engine)->report()) != 0;

  const auto places = session.places();
  std::vector<RootThread> threads;
  for (const auto& thread : places.threads()) {
    threads.push_back({thread.sp, thread.pointer});
    for (const auto which : kRegisters) {
      if (const auto value = debugger.read_register(thread.id, which)) {
        search.roots_.words.push_back(*value);
        search.registers_.push_back({thread.id, which});
      }
    }
  }
  const auto data = module_data(debugger);
  search.roots_.ranges = find_root_ranges({.memory = debugger.memory(),
                                           .regions = places.regions(),
                                           .module_data = data,
                                           .threads = threads,
                                           .own = *own,
                                           .blocks = search.map_,
                                           .has_unknown_blocks = search.has_unknown_blocks_});
  search.readable_ = readable_ranges(places.regions());
  return search;
}

}  // namespace memsnap
