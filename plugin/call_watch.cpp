#include "plugin/call_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <ranges>
#include <utility>

#include "core/elf/elf_file.h"
#include "core/formats/number.h"

namespace memsnap {
namespace {

// In a jmp_buf of glibc and of musl, x86-64.
constexpr std::uint64_t kSavedStack = 0x30;
constexpr std::uint64_t kSavedPc = 0x38;
// glibc keeps these two xored with a key and rotated. The key is the second half of the random bytes that the kernel
// gives a program. Source: glibc, sysdeps/unix/sysv/linux/x86_64/pointer_guard.h, sysdeps/generic/dl-osinfo.h.
constexpr int kPointerRotation = 17;

std::uint64_t pointer_guard(Debugger& debugger) {
  const auto random = debugger.program_instance();
  std::array<std::uint64_t, 2> halves{};
  if (random.size() == sizeof halves) {
    std::memcpy(halves.data(), random.data(), sizeof halves);
  }
  return halves[1];
}

// A function's name without its parameters.
std::string_view plain_name(std::string_view name) {
  const auto parameters = name.find('(', name.starts_with("(anonymous namespace)") ? 1 : 0);
  return parameters == 0 ? name : name.substr(0, parameters);
}

// Whether a location that names a function can mean this one: by its whole name, or by the end of it.
bool can_mean(std::string_view location, std::string_view function) {
  const auto wanted = plain_name(location);
  const auto name = plain_name(function);
  return name == wanted || (name.ends_with(wanted) && name.substr(0, name.size() - wanted.size()).ends_with("::"));
}

// What is needed to find the caller of a thread's innermost frame.
Registers registers_at(Address address, StoppedThread& thread) {
  Registers registers;
  registers.set(Register::rip, address.value);
  for (const auto which : {Register::rsp, Register::rbp}) {
    if (const auto value = thread.read(which)) {
      registers.set(which, *value);
    }
  }
  return registers;
}

bool is_line(std::string_view location) {
  const auto colon = location.rfind(':');
  return colon != std::string_view::npos && colon > 0 && location[colon - 1] != ':' &&
         parse_number<std::uint32_t>(std::string(location.substr(colon + 1)));
}

}  // namespace

CallWatch::CallWatch(Debugger& debugger, const ModuleTable& names, const ModuleMap& modules, UnwindTables& tables,
                     Symbolizer& symbolizer, std::function<bool(Address)> is_taken)
    : debugger_(debugger),
      names_(names),
      modules_(modules),
      tables_(tables),
      symbolizer_(symbolizer),
      is_taken_(std::move(is_taken)),
      ways_out_(names) {}

Result<void> CallWatch::watch(Address address) {
  if (watched_.contains(address)) {
    return {};
  }
  if (is_taken_(address)) {
    watched_.emplace(address, std::nullopt);
    return {};
  }
  const auto breakpoint = debugger_.set_breakpoint(address);
  if (!breakpoint) {
    return std::unexpected(breakpoint.error());
  }
  watched_.emplace(address, *breakpoint);
  return {};
}

Result<void> CallWatch::watch_all(const std::vector<Address>& addresses) {
  for (const auto address : addresses) {
    if (auto watched = watch(address); !watched) {
      cancel();
      return watched;
    }
  }
  return {};
}

void CallWatch::unwatch() {
  std::vector<BreakpointId> ids;
  for (const auto& [address, id] : watched_) {
    if (id) {
      ids.push_back(*id);
    }
  }
  watched_.clear();
  debugger_.remove_breakpoints(ids);
}

Result<void> CallWatch::wait(const std::string& location) {
  auto places = debugger_.find_code(location);
  std::erase_if(places, [this](Address place) { return modules_.find(place) == nullptr; });
  if (places.empty()) {
    return fail(Code::not_found,
                fmt::format("no function or line '{}' in the process; FUNCTION is a name, or file.cpp:LINE", location));
  }
  cancel();
  for (auto& place : places) {
    // Debuggers differ in which part of an inlined function they take for its first: the compiler names it first.
    if (const auto code = inlined_code(place, location); !code.empty()) {
      place = code.front().begin + (place.value - modules_.to_pc(place).offset);
    }
  }
  std::ranges::sort(places);
  places_ = std::move(places);
  location_ = location;
  auto watched = watch_all(places_);
  if (watched) {
    stage_ = Stage::waiting;
  }
  return watched;
}

void CallWatch::pause() {
  if (stage_ == Stage::waiting || stage_ == Stage::entered) {
    unwatch();
    stage_ = Stage::idle;
  }
}

void CallWatch::cancel() {
  unwatch();
  stage_ = Stage::idle;
  landing_.reset();
}

bool CallWatch::is_at_entry() {
  const auto stack = registers_.get(Register::rsp);
  return stage_ == Stage::entered && stack && debugger_.read_register(thread_, Register::rsp) == stack;
}

Result<void> CallWatch::follow() {
  unwatch();
  const Address entry{registers_.get(Register::rip).value_or(0)};
  StackReader stack(debugger_.memory());
  caller_ = find_caller(registers_, stack, modules_, tables_);
  if (!caller_) {
    // Code without unwind information, at its first instruction as far as one can tell.
    const Address slot{registers_.get(Register::rsp).value_or(0)};
    const Address back{read_word(stack, slot).value_or(0)};
    if (modules_.find(back) != nullptr) {
      caller_ = Caller{back, slot + sizeof(std::uint64_t)};
    }
  }
  body_ = inlined_body(entry, location_);
  landing_.reset();
  open_ways_ = ways_out_.find(modules_);
  std::vector<Address> ends = body_.exits;
  if (caller_) {
    ends.push_back(caller_->return_address);
  }
  std::ranges::copy(open_ways_ | std::views::keys, std::back_inserter(ends));
  auto watched = watch_all(ends);
  if (watched) {
    stage_ = Stage::inside;
  }
  return watched;
}

std::vector<AddressRange> CallWatch::inlined_code(Address address, const std::string& location) {
  if (is_line(location)) {
    return {};
  }
  return symbolizer_.inlined_code(modules_.to_pc(address),
                                  [&](const std::string& name) { return can_mean(location, name); });
}

InlinedBody CallWatch::inlined_body(Address entry, const std::string& location) {
  const auto pc = modules_.to_pc(entry);
  auto code = inlined_code(entry, location);
  if (code.empty()) {
    return {};
  }
  // From the file: the debuggers' own breakpoints may be in memory.
  const auto file = ElfFile::open(names_.get(pc.module).path);
  if (!file) {
    return {};
  }
  const auto bias = entry.value - pc.offset;
  auto body = find_body(std::move(code), [&](AddressRange range) { return file->loaded_bytes(range); });
  for (auto& range : body.code) {
    range = {range.begin + bias, range.end + bias};
  }
  for (auto& exit : body.exits) {
    exit = exit + bias;
  }
  return body;
}

AfterHit CallWatch::hit(Address address, StoppedThread& thread) {
  if (stage_ == Stage::waiting && std::ranges::binary_search(places_, address)) {
    thread_ = thread.id();
    registers_ = registers_at(address, thread);
    stage_ = Stage::entered;
    return AfterHit::stop_quietly;
  }
  if (stage_ != Stage::inside || !watched_.contains(address) || thread.id() != thread_) {
    return AfterHit::go_on;
  }
  const auto rsp = thread.read(Register::rsp);
  if (!rsp) {
    return AfterHit::go_on;
  }
  const Address stack{*rsp};
  if (landing_ && landing_->address == address && stack >= landing_->stack) {
    return finish(landing_->end);
  }
  if (caller_ && caller_->return_address == address && caller_->stack == stack) {
    return finish(CallEnd::returned);
  }
  if (std::ranges::binary_search(body_.exits, address) && is_left_at(address, thread)) {
    return finish(CallEnd::returned);
  }
  const auto way = open_ways_.find(address);
  return way == open_ways_.end() ? AfterHit::go_on : on_way_out(way->second, thread, stack);
}

AfterHit CallWatch::finish(CallEnd end) {
  end_ = end;
  stage_ = Stage::ended;
  return AfterHit::stop_quietly;
}

// Whether the frame that has the inlined code is the innermost one, and so out of it.
bool CallWatch::is_left_at(Address address, StoppedThread& thread) {
  StackReader stack(debugger_.memory());
  const auto caller = find_caller(registers_at(address, thread), stack, modules_, tables_);
  return !caller_ || (caller && caller->stack == caller_->stack);
}

AfterHit CallWatch::on_way_out(WayOut way, StoppedThread& thread, Address stack) {
  if (way == WayOut::thread_end) {
    return !caller_ || is_same_stack(stack, caller_->stack) ? finish(CallEnd::thread) : AfterHit::go_on;
  }
  const auto landing = way == WayOut::caught ? catch_landing(thread, stack) : jump_landing(thread);
  if (!landing || !is_same_stack(landing->stack, stack)) {
    return AfterHit::go_on;
  }
  landing_ = landing;
  // Where no breakpoint can be had there, this is as far as the call can be followed.
  return watch(landing->address) ? AfterHit::go_on : finish(landing->end);
}

std::optional<CallWatch::Landing> CallWatch::catch_landing(StoppedThread& thread, Address stack) {
  const auto back = read_word(debugger_.memory(), stack);
  const auto catching = stack + sizeof(std::uint64_t);  // the catching frame's own stack pointer
  if (!back || !caller_) {
    return std::nullopt;
  }
  const Landing landing{{*back}, catching, CallEnd::exception};
  if (catching >= caller_->stack) {
    return landing;
  }
  // The function that has the inlined code may have caught it itself, out of that code.
  if (body_.code.empty() || body_.contains({*back - 1})) {
    return std::nullopt;
  }
  Registers catcher;
  catcher.set(Register::rip, *back - 1);
  catcher.set(Register::rsp, catching.value);
  if (const auto rbp = thread.read(Register::rbp)) {
    catcher.set(Register::rbp, *rbp);
  }
  StackReader reader(debugger_.memory());
  const auto caller = find_caller(catcher, reader, modules_, tables_);
  return caller && caller->stack == caller_->stack ? std::optional(landing) : std::nullopt;
}

std::optional<CallWatch::Landing> CallWatch::jump_landing(StoppedThread& thread) {
  const auto buffer = thread.read(Register::rdi);
  auto& memory = debugger_.memory();
  auto pc = buffer ? read_word(memory, {*buffer + kSavedPc}) : std::nullopt;
  auto stack = buffer ? read_word(memory, {*buffer + kSavedStack}) : std::nullopt;
  if (!pc || !stack || !caller_) {
    return std::nullopt;
  }
  if (modules_.find({*pc}) == nullptr) {
    const auto key = pointer_guard(debugger_);
    pc = std::rotr(*pc, kPointerRotation) ^ key;
    stack = std::rotr(*stack, kPointerRotation) ^ key;
  }
  if (modules_.find({*pc}) == nullptr) {
    return std::nullopt;
  }
  return *stack >= caller_->stack.value ? std::optional(Landing{{*pc}, {*stack}, CallEnd::jump}) : std::nullopt;
}

// A coroutine of the same thread has a stack of its own, which says nothing of what became of this one.
bool CallWatch::is_same_stack(Address one, Address other) {
  const auto ranges = mapped_ranges(debugger_);
  return std::ranges::any_of(ranges,
                             [&](const AddressRange& range) { return range.contains(one) && range.contains(other); });
}

void CallWatch::process_gone(CallEnd how) {
  const bool was_in_it = stage_ == Stage::entered || stage_ == Stage::inside;
  if (stage_ != Stage::ended) {
    stage_ = was_in_it ? Stage::ended : Stage::idle;
    end_ = how;
  }
  unwatch();
}

}  // namespace memsnap
