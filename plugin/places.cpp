#include "plugin/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "plugin/thread_data.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kMostThreadLocal = 0x10000;  // below the thread pointer, as far as we look
constexpr std::size_t kMostFrames = 512;

std::string with_offset(const std::string& name, std::uint64_t offset) {
  return offset == 0 ? fmt::format("'{}'", name) : fmt::format("'{}'+{}", name, offset);
}

std::string in_module(const std::string& module) { return fmt::format(" in {}", base_name(module)); }

}  // namespace

Places::Places(Debugger& debugger, ModuleTable& names, Symbolizer& symbols)
    : debugger_(debugger),
      names_(names),
      symbols_(symbols),
      modules_(map_modules(whole_modules(debugger), names)),
      regions_(debugger.regions()) {
  for (const auto id : debugger.threads()) {
    if (const auto sp = debugger.read_register(id, Register::rsp)) {
      threads_.push_back({id, {*sp}, {}, std::nullopt});
    }
  }
  for (auto& thread : threads_) {
    const auto pointer = debugger.thread_pointer(thread.id);
    thread.pointer = pointer ? *pointer : find_thread_pointer(thread.id);
  }
}

// Where a debugger does not know it: it lies at the upper end of a thread's stack, the first thread's in a small region
// of its own.
Address Places::find_thread_pointer(OsThreadId thread) {
  for (const auto& region : regions_) {
    const bool is_named = !region.name.empty() && region.name != "[stack]";
    if (!region.is_writable || is_named || modules_.find(region.range.begin) != nullptr) {
      continue;
    }
    const auto threads = find_gnu_threads(debugger_.memory(), region.range);
    const auto found = std::ranges::find(threads, static_cast<std::int32_t>(thread), &GnuThread::tid);
    if (found != threads.end()) {
      return found->pointer;
    }
  }
  return {};
}

const MemoryRegion* Places::region(Address address) const {
  const auto after = std::ranges::upper_bound(regions_, address, {}, [](const auto& each) { return each.range.begin; });
  return after != regions_.begin() && std::prev(after)->range.contains(address) ? &*std::prev(after) : nullptr;
}

std::string Places::label(OsThreadId thread) { return to_string(debugger_.thread_label(thread)); }

// The frame whose part of the stack it is: from its stack pointer up to its caller's.
Place Places::in_stack(Thread& thread, Address address) {
  Place place{.kind = PlaceKind::stack, .thread = thread.id};
  if (!thread.frames) {
    thread.frames = debugger_.stack(thread.id, kMostFrames);
  }
  const auto& frames = *thread.frames;
  const auto outer = std::ranges::find_if(frames, [&](const StackFrame& frame) { return frame.sp > address; });
  if (outer != frames.end()) {
    const bool is_innermost = outer == frames.begin() || outer == frames.begin() + 1;
    // An instruction of the frame's function: a return address is behind the call.
    const auto pc = outer == frames.begin() ? outer->pc : std::prev(outer)->pc;
    const auto at = modules_.to_pc(is_innermost ? pc : pc - 1);
    place.name = symbols_.frames({at.module, at.offset + 1}).back().function;
    if (outer != frames.begin()) {
      place.variable = symbols_.stack_variable(at, static_cast<std::int64_t>(address.value - outer->sp.value));
    }
  }
  place.text = fmt::format("stack of {}", label(thread.id));
  if (!place.name.empty()) {
    place.text += fmt::format(", frame {}", place.name);
  }
  if (place.variable) {
    place.text += ", " + with_offset(place.variable->name, place.variable->offset);
  }
  return place;
}

std::optional<Place> Places::in_thread(Address address, const MemoryRegion& region) {
  for (auto& thread : threads_) {
    const auto tp = thread.pointer;
    if (tp && region.range.contains(tp) && address < tp + kThreadData && tp < address + kMostThreadLocal &&
        !(region.range.contains(thread.sp) && address < outermost(thread))) {
      return Place{.kind = PlaceKind::thread_local_,
                   .thread = thread.id,
                   .text = fmt::format("thread-local data of {}", label(thread.id))};
    }
    if (region.range.contains(thread.sp)) {
      if (address + kRedZone >= thread.sp) {
        return in_stack(thread, address);
      }
      return Place{.kind = PlaceKind::below_stack,
                   .thread = thread.id,
                   .text = fmt::format("unused stack of {}", label(thread.id))};
    }
  }
  return std::nullopt;
}

Address Places::outermost(Thread& thread) {
  if (!thread.frames) {
    thread.frames = debugger_.stack(thread.id, kMostFrames);
  }
  return thread.frames->empty() ? thread.sp : thread.frames->back().sp;
}

Place Places::in_module(const LoadedModule& module, Address address, bool is_code) {
  Place place;
  place.module = names_.get(module.id).path;
  const auto pc = modules_.to_pc(address);
  if (is_code) {
    const auto& frame = symbols_.frames({pc.module, pc.offset + 1}).back();
    place.kind = PlaceKind::code;
    place.name = frame.function;
    place.offset = frame.function.empty() ? 0 : frame.function_offset - 1;
    place.text = place.name.empty() ? "code" + memsnap::in_module(place.module)
                                    : fmt::format("code of {}{}", with_offset(place.name, place.offset),
                                                  memsnap::in_module(place.module));
    return place;
  }
  const auto* region = this->region(address);
  const bool is_constant = region == nullptr || !region->is_writable;
  place.kind = is_constant ? PlaceKind::constant : PlaceKind::variable;
  if (const auto variable = symbols_.variable(pc)) {
    place.name = variable->name;
    place.offset = variable->offset;
  }
  const auto* what = is_constant ? "constant" : "global";
  place.text = place.name.empty() ? (is_constant ? "constants" : "variables") + memsnap::in_module(place.module)
                                  : fmt::format("{} {}{}", what, with_offset(place.name, place.offset),
                                                memsnap::in_module(place.module));
  return place;
}

Place Places::find(Address address) {
  const auto* region = this->region(address);
  if (const auto* module = modules_.find(address)) {
    return in_module(*module, address, region != nullptr ? region->is_executable : is_code(*module, address));
  }
  if (region == nullptr) {
    return {.kind = PlaceKind::unmapped, .text = "not mapped"};
  }
  if (auto place = in_thread(address, *region)) {
    return *place;
  }
  if (region->name == "[heap]") {
    return {.kind = PlaceKind::heap, .text = "heap, and no live block"};
  }
  const auto* what = !region->is_readable ? "reserved memory" : "mapped memory";
  return {.kind = PlaceKind::other,
          .text = region->name.empty() ? fmt::format("{}, and no block", what)
                                       : fmt::format("{} of {}, and no block", what, base_name(region->name))};
}

// By its file, where a core file does not have the region.
bool Places::is_code(const LoadedModule& module, Address address) {
  const auto pc = modules_.to_pc(address);
  const auto& frame = symbols_.frames({module.id, pc.offset + 1}).back();
  return !frame.function.empty();
}

}  // namespace memsnap
