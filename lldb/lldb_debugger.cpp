#include "lldb/lldb_debugger.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "plugin/progress.h"

namespace memsnap {
namespace {

// The process that traces `pid` where it is also the one that started it, else 0.
pid_t tracing_parent(pid_t pid) {
  const auto parent = local_relative(pid, "PPid");
  return local_relative(pid, "TracerPid") == parent ? parent : 0;
}

}  // namespace

std::string path_of(lldb::SBFileSpec file) {
  std::array<char, 4096> path{};
  return file.IsValid() && file.GetPath(path.data(), path.size()) > 0 ? std::string(path.data()) : std::string();
}

LldbDebugger::LldbDebugger(lldb::SBDebugger debugger) : debugger_(debugger) {}

LldbDebugger::~LldbDebugger() = default;

lldb::SBTarget LldbDebugger::target() {
  if (target_.IsValid() && !shows_core_file()) {
    return target_;
  }
  return debugger_.GetSelectedTarget();
}

lldb::SBProcess LldbDebugger::process() { return target().GetProcess(); }

InferiorState LldbDebugger::state() {
  if (is_core(debugger_.GetSelectedTarget())) {
    return InferiorState::core;
  }
  switch (process().GetState()) {
    case lldb::eStateStopped:
    case lldb::eStateCrashed:
    case lldb::eStateSuspended:
      return InferiorState::stopped;
    case lldb::eStateRunning:
    case lldb::eStateStepping:
    case lldb::eStateLaunching:
    case lldb::eStateAttaching:
      return InferiorState::running;
    default:
      return InferiorState::none;
  }
}

bool LldbDebugger::process_changed() {
  auto current = process();
  const auto state = current.GetState();
  const bool is_alive = state != lldb::eStateExited && state != lldb::eStateDetached && state != lldb::eStateInvalid &&
                        state != lldb::eStateUnloaded;
  if (process_id_ != 0 && (!is_alive || current.GetUniqueID() != process_id_)) {
    return true;
  }
  if (process_id_ != 0 && find_pid() != pid_) {
    accept_process();
  }
  return false;
}

// LLDB 14 goes on with a child by its parent's number: its threads are the child's.
pid_t LldbDebugger::find_pid() {
  auto current = process();
  const auto known = static_cast<pid_t>(current.GetProcessID());
  auto thread = current.GetThreadAtIndex(0);
  if (!local_ || !thread.IsValid()) {
    return known;
  }
  const auto group = local_relative(static_cast<pid_t>(thread.GetThreadID()), "Tgid");
  const bool is_child = group != 0 && group != known && (group == pid_ || local_relative(group, "PPid") == known);
  return is_child ? group : known;
}

void LldbDebugger::accept_process() {
  auto current = process();
  process_id_ =
      current.IsValid() && !is_core(current.GetTarget()) && state() != InferiorState::none ? current.GetUniqueID() : 0;
  pid_ = find_pid();
  // A remote process may have a number that stands for another one here.
  local_memory_.set_pid(0);
  local_ = process_id_ != 0 && is_local_process(pid_, *this);
  local_memory_.set_pid(local_ ? pid_ : 0);
}

bool LldbDebugger::was_launched() {
  if (process_id_ == 0) {
    accept_process();
  }
  return local_ && tracing_parent(pid_) != 0;
}

// By a server of its own, then, which LLDB has for every process that it runs.
bool LldbDebugger::saw_start() { return was_launched() && local_relative(tracing_parent(pid_), "PPid") == getpid(); }

std::string LldbDebugger::program_instance() {
  if (is_core(target())) {
    return core_instance();
  }
  if (process_id_ == 0) {
    accept_process();
  }
  return local_ ? local_program_instance(pid_, *this) : std::string();
}

std::vector<MappedModule> LldbDebugger::modules() {
  auto current = target();
  if (is_core(current)) {
    return core_file_modules();
  }
  accept_process();
  if (!local_) {
    return {};
  }
  auto modules = local_modules_.read(pid_);
  for (std::uint32_t i = 0; i < current.GetNumModules(); ++i) {
    auto module = current.GetModuleAtIndex(i);
    const auto path = path_of(module.GetFileSpec());
    const auto symbols = path_of(module.GetSymbolFileSpec());
    const auto found = std::ranges::find(modules, path, [](const MappedModule& each) { return each.module.path; });
    if (found != modules.end() && symbols != path) {
      found->module.debug_file = symbols;
    }
  }
  return modules;
}

std::size_t LldbDebugger::read(Address address, std::span<std::byte> into) {
  auto current = process();
  if (const auto got = is_core(current.GetTarget()) ? 0 : local_memory_.read(address, into); got > 0) {
    return got;
  }
  lldb::SBError error;
  return current.ReadMemory(address.value, into.data(), into.size(), error);
}

void LldbDebugger::make_hidden(lldb::SBBreakpoint& breakpoint) {
  breakpoint.AddName(kBreakpointName);
  breakpoint.SetAutoContinue(false);
}

Result<BreakpointId> LldbDebugger::set_breakpoint(Address address) {
  // By section where there is one, so that LLDB moves it along with its module.
  auto where = target().ResolveLoadAddress(address.value);
  const Place place{path_of(where.GetModule().GetFileSpec()), where.GetFileAddress()};
  const BreakpointId id{next_breakpoint_++};
  if (auto known = removed_.extract(place); !known.empty()) {
    auto& breakpoint = known.mapped();
    breakpoint.hook->address = address;
    breakpoint.hook->is_dead = false;
    breakpoints_.emplace(id, std::move(breakpoint));
    return id;
  }
  auto breakpoint = where.GetSection().IsValid() ? target().BreakpointCreateBySBAddress(where)
                                                 : target().BreakpointCreateByAddress(address.value);
  if (!breakpoint.IsValid() || breakpoint.GetNumLocations() == 0) {
    return fail(Code::debugger, fmt::format("no breakpoint at {:#x}", address.value));
  }
  make_hidden(breakpoint);
  auto hook = std::make_unique<Hook>(Hook{this, Hook::Kind::address, address, false});
  breakpoint.SetCallback(callback_, hook.get());
  breakpoints_.emplace(id, Breakpoint{breakpoint, std::move(hook), place});
  return id;
}

// Only marks them: this may be called from a handler, where LLDB does not bear its breakpoints to be taken away, and
// the next run of the program wants most of them again.
void LldbDebugger::remove_breakpoints(std::span<const BreakpointId> ids) {
  for (const auto id : ids) {
    if (auto found = breakpoints_.extract(id); !found.empty()) {
      auto& breakpoint = found.mapped();
      breakpoint.hook->is_dead = true;
      const auto place = breakpoint.place;
      removed_.emplace(place, std::move(breakpoint));
    }
  }
}

void LldbDebugger::delete_removed() {
  for (auto& [place, each] : removed_) {
    target().BreakpointDelete(each.breakpoint.GetID());
  }
  removed_.clear();
}

void LldbDebugger::watch(lldb::SBBreakpoint breakpoint) {
  if (!breakpoint.IsValid()) {
    return;
  }
  make_hidden(breakpoint);
  auto hook = std::make_unique<Hook>(Hook{this, Hook::Kind::modules, {}, false});
  breakpoint.SetCallback(callback_, hook.get());
  watches_.push_back({breakpoint, std::move(hook), {}});
}

Result<void> LldbDebugger::watch_modules(bool on) {
  for (auto& each : watches_) {
    target().BreakpointDelete(each.breakpoint.GetID());
  }
  watches_.clear();
  if (!on) {
    target_ = {};
    process_id_ = 0;
    return {};
  }
  target_ = debugger_.GetSelectedTarget();
  if (!target_.IsValid()) {
    return fail(Code::no_process, "no program; 'file PROGRAM' or 'attach' names one");
  }
  // Hidden from `breakpoint list`, and safe from a `breakpoint delete` of them all.
  lldb::SBBreakpointName name(target_, kBreakpointName);
  name.SetAllowList(false);
  name.SetAllowDelete(false);
  name.SetAllowDisable(false);
  accept_process();
  auto program = target_.GetModuleAtIndex(0);
  for (auto& loader : dynamic_loader(program)) {
    if (process_id_ == 0) {
      // Where the last process had it does not matter any more, and LLDB 14 would take the same address in the next one
      // for no news.
      target_.ClearModuleLoadAddress(loader);
    }
    // It calls this with every module mapped, and before any code of a new one runs. LLDB's own breakpoint there is
    // served first, so that it knows the modules when ours is.
    auto event = loader.FindSymbol("_dl_debug_state", lldb::eSymbolTypeCode).GetStartAddress();
    watch(target_.BreakpointCreateBySBAddress(event));
  }
  if (watches_.empty()) {
    // A static program: its modules are there at its entry. LLDB begins with a single step from just that instruction,
    // and forgets to serve a breakpoint that this step ends at; so it is on the third.
    auto entry = target_.ReadInstructions(program.GetObjectFileEntryPointAddress(), 3);
    auto third = entry.GetInstructionAtIndex(2).GetAddress();
    if (third.IsValid()) {
      watch(target_.BreakpointCreateBySBAddress(third));
    }
  }
  return {};
}

// Found before the program runs, and known to the target from then on: a breakpoint that has to wait for its module
// would be announced to the user when it comes. By both its names, as LLDB goes by the one at the start of a process
// and by the other after an exec.
std::vector<lldb::SBModule> LldbDebugger::dynamic_loader(lldb::SBModule program) {
  auto interpreter = program.FindSection(".interp").GetSectionData();
  lldb::SBError error;
  const auto* path = interpreter.IsValid() ? interpreter.GetString(error, 0) : nullptr;
  if (path == nullptr || !error.Success()) {
    return {};
  }
  std::vector<lldb::SBModule> modules;
  std::error_code failed;
  const auto real_path = std::filesystem::canonical(path, failed);
  for (const auto& name : {std::string(path), real_path.string()}) {
    if (auto module = target_.AddModule(name.c_str(), nullptr, nullptr); module.IsValid()) {
      modules.push_back(module);
    }
  }
  return modules;
}

ThreadLabel LldbDebugger::thread_label(OsThreadId id) {
  auto thread = process().GetThreadByID(static_cast<lldb::tid_t>(id));
  if (!thread.IsValid()) {
    return {};
  }
  const auto pid = static_cast<pid_t>(process().GetProcessID());
  // In a core file LLDB gives all of them the program's.
  const auto* name = is_core(target()) ? nullptr : thread.GetName();
  return {thread.GetIndexID(), local_ ? local_thread_name(pid, id) : std::string(name == nullptr ? "" : name)};
}

std::string LldbDebugger::setting(const char* name) {
  lldb::SBCommandReturnObject result;
  debugger_.GetCommandInterpreter().HandleCommand(fmt::format("settings show {}", name).c_str(), result, false);
  return result.Succeeded() && result.GetOutput() != nullptr ? result.GetOutput() : "";
}

std::string LldbDebugger::source_path(const std::string& path) {
  // target.source-map prints as lines: [0] "/old" -> "/new"
  const auto shown = setting("target.source-map");
  std::vector<std::string> quoted;
  for (auto begin = shown.find('"'); begin != std::string::npos;) {
    const auto end = shown.find('"', begin + 1);
    if (end == std::string::npos) {
      break;
    }
    quoted.push_back(shown.substr(begin + 1, end - begin - 1));
    begin = shown.find('"', end + 1);
  }
  for (std::size_t i = 0; i + 1 < quoted.size(); i += 2) {
    const auto& from = quoted[i];
    if (path.starts_with(from) && (path.size() == from.size() || path[from.size()] == '/' || from.ends_with('/'))) {
      return quoted[i + 1] + path.substr(from.size());
    }
  }
  return path;
}

bool LldbDebugger::interrupted() { return debugger_.GetCommandInterpreter().WasInterrupted(); }

void LldbDebugger::watch_signals() { stop_frame_.watch(target()); }

std::string LldbDebugger::stop_signal() {
  auto stopped = process();
  for (std::uint32_t i = 0; i < stopped.GetNumThreads(); ++i) {
    auto thread = stopped.GetThreadAtIndex(i);
    if (thread.GetStopReason() == lldb::eStopReasonSignal && thread.GetStopReasonDataCount() != 0) {
      const auto number = static_cast<std::int32_t>(thread.GetStopReasonDataAtIndex(0));
      const auto* name = stopped.GetUnixSignals().GetSignalAsCString(number);
      return name == nullptr ? "" : name;
    }
  }
  return {};
}

void LldbDebugger::tell(const std::string& text) {
  lldb::SBFile output = debugger_.GetOutputFile();
  std::size_t written = 0;
  output.Write(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), &written);
  output.Flush();
}

void LldbDebugger::show_progress(const std::string& line) { write_passing_line(line); }

std::optional<std::uint64_t> LldbDebugger::Thread::read(Register which) {
  switch (which) {  // these three are many times cheaper than by name
    case Register::rsp:
      return frame_.GetSP();
    case Register::rbp:
      return frame_.GetFP();
    case Register::rip:
      return frame_.GetPC();
    default:
      break;
  }
  auto value = frame_.FindRegister(to_string(which));
  lldb::SBError error;
  const auto number = value.GetValueAsUnsigned(error);
  return error.Success() ? std::optional(number) : std::nullopt;
}

std::vector<Address> LldbDebugger::Thread::unwind(std::size_t limit) {
  std::vector<Address> pcs;
  const auto frames = thread_.GetNumFrames();
  for (std::uint32_t i = 0; i < frames && pcs.size() < limit; ++i) {
    auto frame = thread_.GetFrameAtIndex(i);
    if (!frame.IsInlined()) {
      pcs.push_back({frame.GetPC()});
    }
  }
  return pcs;
}

}  // namespace memsnap
