#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "plugin/debugger.h"
#include "tests/unit/fake_memory.h"

namespace memsnap::test {

/// A debugger without a process: says what it is told to say, and remembers what it was asked to do.
class FakeDebugger final : public Debugger {
 public:
  static constexpr std::uint64_t kPage = 0x1000;

  InferiorState state() override { return inferior; }
  bool was_launched() override { return launched; }
  bool saw_start() override { return launched && !has_server; }
  std::string program_instance() override { return instance; }
  std::vector<MappedModule> modules() override { return mapped; }
  FakeMemory& memory() override { return bytes; }
  Result<BreakpointId> set_breakpoint(Address address) override {
    if (refused.contains(address)) {
      return fail(Code::debugger, refused.at(address));
    }
    const BreakpointId id{++last_id};
    breakpoints.emplace(id, address);
    return id;
  }
  void remove_breakpoints(std::span<const BreakpointId> ids) override {
    for (const auto id : ids) {
      breakpoints.erase(id);
    }
  }
  Result<void> watch_modules(bool on) override {
    if (on && !watch_error.empty()) {
      return fail(Code::debugger, watch_error);
    }
    watching = on;
    return {};
  }
  void watch_signals() override {}
  ThreadLabel thread_label(OsThreadId id) override { return labels[id]; }
  std::string injection_obstacle() override { return obstacle; }
  std::vector<MemoryRegion> regions() override {
    auto all = own_regions;
    for (const auto& range : ranges) {
      all.push_back({range, true, true, false, {}});
    }
    return all;
  }
  Result<std::int64_t> system_call(const SystemCall&) override { return fail(Code::debugger, "no thread"); }
  Result<void> write(Address address, std::span<const std::byte> data) override {
    if (!bytes.has(address.value, data.size())) {
      return fail(Code::unmapped, "not mapped", address);
    }
    bytes.put_bytes(address.value, data.data(), data.size());
    writes.push_back({address, address + data.size()});
    return {};
  }
  std::vector<OsThreadId> threads() override {
    std::vector<OsThreadId> ids;
    for (const auto& [id, label] : labels) {
      ids.push_back(id);
    }
    return ids;
  }
  std::optional<std::uint64_t> read_register(OsThreadId thread, Register which) override {
    return registers[thread].get(which);
  }
  std::optional<Address> thread_pointer(OsThreadId thread) override {
    return thread_pointers.contains(thread) ? std::optional(thread_pointers.at(thread)) : std::nullopt;
  }
  Result<void> set_pc(OsThreadId thread, Address pc) override {
    registers[thread].set(Register::rip, pc.value);
    return {};
  }
  std::vector<Address> user_breakpoints(AddressRange range) override {
    std::vector<Address> inside;
    std::ranges::copy_if(users_own, std::back_inserter(inside), [&](Address each) { return range.contains(each); });
    return inside;
  }
  Result<void> add_symbols(const std::string& path, Address base) override {
    symbols[base] = path;
    return {};
  }
  void forget_symbols() override { symbols.clear(); }
  std::vector<Address> find_code(const std::string& location) override { return code[location]; }
  Result<Address> evaluate(const std::string& expression) override {
    const auto found = values.find(expression);
    return found == values.end() ? Result<Address>(fail(Code::debugger, "no symbol \"" + expression + "\""))
                                 : found->second;
  }
  std::vector<StackFrame> stack(OsThreadId thread, std::size_t) override { return stacks[thread]; }
  Result<Standing> run_on() override {
    if (runs.empty()) {
      return fail(Code::debugger, "nothing more runs here");
    }
    const auto run = std::move(runs.front());
    runs.pop_front();
    return run();
  }
  void show_stop() override { ++stops_shown; }
  std::string source_path(const std::string& path) override {
    return source_paths.contains(path) ? source_paths.at(path) : path;
  }
  bool interrupted() override { return ctrl_c; }
  void tell(const std::string& text) override { told += text; }
  void show_progress(const std::string& line) override { progress.push_back(line); }

  /// Where breakpoints are, ascending; one address twice where two are there.
  std::vector<std::uint64_t> breakpoint_addresses() const {
    std::vector<std::uint64_t> addresses;
    for (const auto& [id, address] : breakpoints) {
      addresses.push_back(address.value);
    }
    std::ranges::sort(addresses);
    return addresses;
  }
  bool has_breakpoint(std::uint64_t address) const {
    return std::ranges::any_of(breakpoints, [address](const auto& entry) { return entry.second.value == address; });
  }
  /// `thread` is about to execute `address`: calls on_breakpoint where there is one.
  AfterHit reach(std::uint64_t address, StoppedThread& thread) {
    return has_breakpoint(address) ? on_breakpoint({address}, thread) : AfterHit::go_on;
  }

  InferiorState inferior = InferiorState::none;
  bool launched = true;
  bool has_server = false;  ///< that ran the process
  std::string instance = "one";
  std::vector<MappedModule> mapped;
  FakeMemory bytes;
  std::map<BreakpointId, Address> breakpoints;
  std::map<Address, std::string> refused;  ///< where no breakpoint can be set, and why
  std::string watch_error;                 ///< why modules cannot be watched
  bool watching = false;
  std::map<OsThreadId, ThreadLabel> labels;
  std::string obstacle;                   ///< why nothing can be put into the process
  std::vector<MemoryRegion> own_regions;  ///< what is mapped, ascending
  std::vector<AddressRange> ranges;       ///< and what else is, readable and writable
  std::map<std::string, Address> values;  ///< what expressions mean
  std::map<OsThreadId, std::vector<StackFrame>> stacks;
  std::vector<AddressRange> writes;  ///< in the order they came
  std::map<OsThreadId, Registers> registers;
  std::map<OsThreadId, Address> thread_pointers;
  std::vector<Address> users_own;          ///< the user's breakpoints, ascending
  std::map<Address, std::string> symbols;  ///< files by base
  std::map<std::string, std::string> source_paths;
  std::map<std::string, std::vector<Address>> code;  ///< by location
  std::deque<std::function<Standing()>> runs;        ///< what comes of letting the process go on, in this order
  int stops_shown = 0;
  bool ctrl_c = false;
  std::vector<std::string> progress;
  std::string told;
  std::function<AfterHit(Address, StoppedThread&)> on_breakpoint;
  std::uint32_t last_id = 0;
};

/// A thread with a stack of its own that runs what a test says it runs.
class FakeThread final : public StoppedThread {
 public:
  static constexpr std::uint64_t kStackSize = 0x10000;

  /// Its stack ends at 0x7f0000000000 + `number` * 0x100000, and begins with the return address 0: no caller.
  FakeThread(FakeDebugger& debugger, std::uint32_t number, std::string name)
      : debugger_(debugger), id_(OsThreadId{1000 + number}) {
    debugger.labels[id_] = {number, std::move(name)};
    const auto end = 0x7f0000000000 + number * std::uint64_t{0x100000};
    debugger.bytes.map(end - kStackSize, kStackSize);
    rsp = end;
    push(0);
  }

  OsThreadId id() override { return id_; }
  std::optional<std::uint64_t> read(Register which) override {
    if (which == Register::rsp) {
      return rsp;
    }
    return registers.contains(which) ? std::optional(registers.at(which)) : std::nullopt;
  }
  std::vector<Address> unwind(std::size_t limit) override {
    ++unwinds;
    auto pcs = own_walk;
    pcs.resize(std::min(pcs.size(), limit));
    return pcs;
  }

  void select_frame(std::size_t index) override { selected = index; }

  /// Puts a return address on the stack, below `locals` bytes of the caller's own.
  void push(std::uint64_t return_address, std::uint64_t locals = 0) {
    rsp -= locals + 8;
    debugger_.bytes.put(rsp, return_address);
  }
  /// Calls `entry` so that it returns to `return_address`.
  void call(std::uint64_t entry, std::uint64_t return_address, std::initializer_list<std::uint64_t> arguments = {}) {
    push(return_address);
    jump(entry, arguments);
  }
  /// Goes on at `entry` with the stack as it is.
  void jump(std::uint64_t entry, std::initializer_list<std::uint64_t> arguments = {}) {
    auto which = {Register::rdi, Register::rsi, Register::rdx, Register::rcx};
    auto next = which.begin();
    for (const auto argument : arguments) {
      registers[*next++] = argument;
    }
    debugger_.reach(entry, *this);
  }
  /// Returns to the caller with `result`.
  void leave(std::uint64_t result) {
    std::uint64_t to = 0;
    debugger_.bytes.read({rsp}, std::as_writable_bytes(std::span(&to, 1)));
    rsp += 8;
    registers[Register::rax] = result;
    debugger_.reach(to, *this);
  }

  std::uint64_t rsp = 0;
  std::map<Register, std::uint64_t> registers;
  std::vector<Address> own_walk;  ///< what the debugger's own walk gives
  std::size_t selected = 0;       ///< the frame
  int unwinds = 0;                ///< how often it was asked for that

 private:
  FakeDebugger& debugger_;
  OsThreadId id_;
};

}  // namespace memsnap::test
