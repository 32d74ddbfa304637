// Where code is, and letting the process go on.

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <string_view>

#include "core/formats/number.h"
#include "lldb/lldb_debugger.h"

namespace memsnap {
namespace {

// How often Ctrl-C is asked for.
constexpr std::chrono::milliseconds kPause(50);

// Ctrl-C at a terminal, for as long as this lives. LLDB would hand it to what feeds the process from the terminal,
// which does not run while a command is under way.
class CtrlC {
 public:
  CtrlC() {
    is_pressed = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { is_pressed = 1; };
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, &before_);
  }
  CtrlC(const CtrlC&) = delete;
  CtrlC& operator=(const CtrlC&) = delete;
  ~CtrlC() { sigaction(SIGINT, &before_, nullptr); }

  static bool was_pressed() { return is_pressed != 0; }

 private:
  static inline volatile std::sig_atomic_t is_pressed = 0;
  struct sigaction before_ = {};
};

struct SourceLine {
  std::string file;
  std::uint32_t line = 0;
};

// `file.cpp:12`; nothing for what is a name.
std::optional<SourceLine> parse_line(const std::string& location) {
  const auto colon = location.rfind(':');
  if (colon == std::string::npos || colon == 0 || location[colon - 1] == ':') {
    return std::nullopt;
  }
  const auto line = parse_number<std::uint32_t>(location.substr(colon + 1));
  return line ? std::optional(SourceLine{location.substr(0, colon), *line}) : std::nullopt;
}

// Where what was found by its name begins.
lldb::SBAddress begin_of(lldb::SBSymbolContext found) {
  if (auto block = found.GetBlock().GetContainingInlinedBlock(); block.IsValid()) {
    // Where an inlined call has lost its first instructions, its first range is an empty one somewhere before it.
    std::uint32_t range = 0;
    while (range + 1 < block.GetNumRanges() &&
           block.GetRangeStartAddress(range).GetFileAddress() == block.GetRangeEndAddress(range).GetFileAddress()) {
      ++range;
    }
    return block.GetRangeStartAddress(range);
  }
  if (auto function = found.GetFunction(); function.IsValid()) {
    return function.GetStartAddress();
  }
  auto symbol = found.GetSymbol();
  return symbol.IsValid() && symbol.GetType() == lldb::eSymbolTypeCode ? symbol.GetStartAddress() : lldb::SBAddress();
}

}  // namespace

std::vector<Address> LldbDebugger::find_code(const std::string& location) {
  std::vector<Address> places;
  auto current = target();
  const auto add = [&](lldb::SBAddress where) {
    if (const auto address = where.GetLoadAddress(current); where.IsValid() && address != LLDB_INVALID_ADDRESS) {
      places.push_back({address});
    }
  };
  if (const auto line = parse_line(location)) {
    auto breakpoint = current.BreakpointCreateByLocation(line->file.c_str(), line->line);
    for (std::uint32_t i = 0; i < breakpoint.GetNumLocations(); ++i) {
      add(breakpoint.GetLocationAtIndex(i).GetAddress());
    }
    current.BreakpointDelete(breakpoint.GetID());
    return places;
  }
  auto found = current.FindFunctions(location.c_str(), lldb::eFunctionNameTypeAuto);
  for (std::uint32_t i = 0; i < found.GetSize(); ++i) {
    add(begin_of(found.GetContextAtIndex(i)));
  }
  return places;
}

// On this thread, as it may hold a lock of LLDB's that the events' handling needs (a debug adapter's does). Another one
// looks out for Ctrl-C meanwhile.
lldb::SBError LldbDebugger::continue_and_wait() {
  auto current = process();
  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  const CtrlC ctrl_c;
  std::thread looking_out([&] {
    bool is_asked = false;
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, kPause, [&] { return is_done; })) {
      if (!is_asked && (CtrlC::was_pressed() || interrupted())) {
        is_asked = true;
        current.SendAsyncInterrupt();
      }
    }
  });
  waiting_thread_ = std::this_thread::get_id();
  auto outcome = current.Continue();
  waiting_thread_ = std::thread::id();
  {
    const std::scoped_lock lock(mutex);
    is_done = true;
  }
  changed.notify_one();
  looking_out.join();
  return outcome;
}

Result<Standing> LldbDebugger::run_on() {
  delete_removed();
  is_users_stop_ = false;
  const bool was_async = debugger_.GetAsync();
  debugger_.SetAsync(false);  // Continue waits then, and this plugin's callbacks come on the thread that waits
  lock_->unlock();
  auto outcome = continue_and_wait();
  lock_->lock();
  debugger_.SetAsync(was_async);
  if (state() == InferiorState::none) {
    show_stop();
    return Standing::gone;
  }
  if (outcome.Fail() && state() != InferiorState::stopped) {
    return fail(Code::debugger, outcome.GetCString());
  }
  const auto standing = select_stopped();
  if (standing == Standing::user) {
    show_stop();
  }
  return standing;
}

Standing LldbDebugger::select_stopped() {
  lldb::SBThread to_show;
  bool is_users = false;
  auto current = process();
  for (std::uint32_t i = 0; i < current.GetNumThreads(); ++i) {
    auto thread = current.GetThreadAtIndex(i);
    const auto reason = thread.GetStopReason();
    if (reason == lldb::eStopReasonNone || reason == lldb::eStopReasonInvalid) {
      continue;
    }
    const bool is_users_thread = !is_ours(thread);
    if (!to_show.IsValid() || (is_users_thread && !is_users)) {
      to_show = thread;
    }
    is_users = is_users || is_users_thread;
  }
  if (!to_show.IsValid()) {
    return Standing::user;  // Ctrl-C can leave every thread without a reason
  }
  refresh_frames(to_show);
  if (is_users_stop_) {
    return Standing::user;  // with the frame that the handler chose
  }
  if (current.GetSelectedThread().GetThreadID() != to_show.GetThreadID()) {
    current.SetSelectedThread(to_show);
  }
  to_show.SetSelectedFrame(0);
  return is_users ? Standing::user : Standing::memsnap;
}

// A terminal's status line has LLDB 21 and 22 look at the innermost frame while the process goes on, and keep for this
// stop what they found at the last one: see resume.cpp. The registers are right.
void LldbDebugger::refresh_frames(lldb::SBThread thread) {
  auto frame = thread.GetFrameAtIndex(0);
  lldb::SBError error;
  const auto pc = frame.FindRegister("rip").GetValueAsUnsigned(error);
  if (error.Success() && pc != frame.GetPC()) {
    frame.SetPC(pc);
  }
}

// Whether nothing but breakpoints of ours stopped it.
bool LldbDebugger::is_ours(lldb::SBThread& thread) {
  if (thread.GetStopReason() != lldb::eStopReasonBreakpoint) {
    return false;
  }
  for (std::size_t i = 0; i < thread.GetStopReasonDataCount(); i += 2) {  // a breakpoint's and a location's number
    const auto id = static_cast<lldb::break_id_t>(thread.GetStopReasonDataAtIndex(static_cast<std::uint32_t>(i)));
    auto breakpoint = target().FindBreakpointByID(id);
    if (id > 0 && breakpoint.IsValid() && !breakpoint.MatchesName(kBreakpointName)) {
      return false;
    }
  }
  return true;
}

void LldbDebugger::show_stop() {
  const auto show = [this](const std::string& command) {
    lldb::SBCommandReturnObject result;
    debugger_.GetCommandInterpreter().HandleCommand(command.c_str(), result, false);
    if (const auto* text = result.GetOutput(); text != nullptr) {
      tell(text);
    }
  };
  show("process status");  // with the innermost frame
  if (const auto frame = process().GetSelectedThread().GetSelectedFrame().GetFrameID(); frame > 0 && is_users_stop_) {
    show(fmt::format("frame select {}", frame));
  }
}

}  // namespace memsnap
