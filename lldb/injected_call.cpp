#include "lldb/injected_call.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lldb/debug_server.h"
#include "plugin/local_process.h"

// Not by an expression, which is LLDB's way to call something: where several threads reach breakpoints at once, those
// of the others are lost when a callback evaluates one. Not by SBProcess::AllocateMemory either: its memory is shared
// with LLDB's own use and anywhere, and LLDB 22 gives garbage where a thread has yet to take a stop signal.

namespace memsnap {
namespace {

// More stops than this before the instruction is done mean that something else is wrong.
constexpr int kMostStops = 256;

constexpr int kFirstRealTimeSignal = 32;

std::unexpected<Error> refused(std::string_view what) {
  return fail(Code::debugger, fmt::format("no call can be made in the process: {}", what));
}

// A number as the packets have it: in the byte order of the target.
std::string in_hex(std::uint64_t number) { return fmt::format("{:016x}", std::byteswap(number)); }

std::optional<std::uint64_t> from_hex(const std::string& text) {
  if (text.size() < 16 || text.find_first_not_of("0123456789abcdefABCDEF") < 16) {
    return std::nullopt;
  }
  return std::byteswap(std::stoull(text.substr(0, 16), nullptr, 16));
}

// The server's numbers of the registers, by DWARF's.
std::map<std::uint64_t, std::uint64_t> register_numbers(DebugServer& server) {
  std::map<std::uint64_t, std::uint64_t> numbers;
  for (std::uint64_t number = 0; numbers.size() < Registers::kCount; ++number) {
    const auto description = server.send(fmt::format("qRegisterInfo{:x}", number));
    if (!description.starts_with("name:")) {
      break;
    }
    constexpr std::string_view kKey = ";dwarf:";
    if (const auto at = description.find(kKey); at != std::string::npos) {
      numbers.emplace(std::strtoull(description.c_str() + at + kKey.size(), nullptr, 10), number);
    }
  }
  return numbers;
}

// A thread that the server holds, given back as it was found.
class Borrowed {
 public:
  Borrowed(DebugServer& server, lldb::SBProcess process, lldb::SBThread thread)
      : server_(server), process_(process), thread_(thread.GetThreadID()) {
    has_just_executed_ = thread.GetStopReason() == lldb::eStopReasonExec;
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed();

  Result<void> take();
  Result<std::int64_t> run(Address instruction, const SystemCall& call);

 private:
  std::string suffix() const { return fmt::format(";thread:{:x};", thread_); }
  std::optional<std::uint64_t> read(Register which);
  Result<void> step();
  std::string passed_signals();

  DebugServer& server_;
  lldb::SBProcess process_;
  lldb::tid_t thread_;
  bool has_just_executed_ = false;
  std::map<std::uint64_t, std::uint64_t> numbers_;
  std::string saved_;  // the server's name for the registers as they were
  std::vector<int> signals_;
};

Borrowed::~Borrowed() {
  if (!saved_.empty()) {
    server_.send(fmt::format("QRestoreRegisterState:{}{}", saved_, suffix()));
  }
  server_.send("QPassSignals:" + passed_signals());
  for (const auto signal : signals_) {
    syscall(SYS_tgkill, process_.GetProcessID(), thread_, signal);
  }
}

// Those that the server hands to the process without a word to LLDB, as LLDB has told it.
std::string Borrowed::passed_signals() {
  auto signals = process_.GetUnixSignals();
  std::string list;
  for (int i = 0; i < signals.GetNumSignals(); ++i) {
    const auto number = signals.GetSignalAtIndex(i);
    if (!signals.GetShouldSuppress(number) && !signals.GetShouldStop(number) && !signals.GetShouldNotify(number)) {
      list += fmt::format("{}{:02x}", list.empty() ? "" : ";", number);
    }
  }
  return list;
}

Result<void> Borrowed::take() {
  numbers_ = register_numbers(server_);
  if (numbers_.size() < Registers::kCount) {
    return fail(Code::unsupported, "the server that runs the process does not tell its registers");
  }
  // None may run a handler in between. The kill signal stands for an empty list, which is not understood.
  server_.send(fmt::format("QPassSignals:{:02x}", SIGKILL));
  // Inside exec, rax would be overwritten with the result, which has not been put there yet; a program's first
  // instruction asks nothing of it, and is not run for this.
  if (has_just_executed_ && read(Register::rax) == static_cast<std::uint64_t>(-ENOSYS)) {
    if (auto stepped = step(); !stepped) {
      return stepped;
    }
  }
  const auto saved = server_.send("QSaveRegisterState" + suffix());
  if (saved.empty() || saved.find_first_not_of("0123456789") != std::string::npos) {
    return fail(Code::unsupported, "the server that runs the process does not keep registers");
  }
  saved_ = saved;
  return {};
}

std::optional<std::uint64_t> Borrowed::read(Register which) {
  return from_hex(server_.send(fmt::format("p{:x}{}", numbers_.at(static_cast<std::uint64_t>(which)), suffix())));
}

// One instruction. What the thread has to get before it is kept for later.
Result<void> Borrowed::step() {
  for (int i = 0; i < kMostStops; ++i) {
    const auto stop = server_.send(fmt::format("vCont;s:{:x}", thread_));
    if (stop.size() < 3 || stop.front() != 'T') {
      return refused(stop.starts_with('W') || stop.starts_with('X') ? "the process has gone"
                                                                    : "a thread does not step");
    }
    const auto signal = static_cast<int>(std::strtol(stop.substr(1, 2).c_str(), nullptr, 16));
    if (signal == SIGTRAP) {
      return {};
    }
    signals_.push_back(signal);
  }
  return refused("a thread gets too many signals");
}

Result<std::int64_t> Borrowed::run(Address instruction, const SystemCall& call) {
  const auto set = [this](Register which, std::uint64_t value) {
    const auto number = numbers_.at(static_cast<std::uint64_t>(which));
    return server_.send(fmt::format("P{:x}={}{}", number, in_hex(value), suffix())) == "OK";
  };
  bool is_set = set(Register::rip, instruction.value);
  for (const auto& [which, value] : call.registers()) {
    is_set = is_set && set(which, value);
  }
  if (!is_set) {
    return refused("a thread's registers cannot be set");
  }
  if (auto stepped = step(); !stepped) {
    return std::unexpected(stepped.error());
  }
  const auto result = read(Register::rax);
  if (!result || read(Register::rip) != instruction.value + kSystemCallSize) {
    return refused("a thread does not get to it");
  }
  return static_cast<std::int64_t>(*result);
}

// Whether a thread can be stepped and then is as it was: not inside fork, whose result is yet to come, and not with a
// signal that it is about to get, whose sender would be forgotten.
bool can_be_taken(lldb::SBProcess& process, lldb::SBThread& thread) {
  switch (thread.GetStopReason()) {
    case lldb::eStopReasonFork:
    case lldb::eStopReasonVFork:
    case lldb::eStopReasonVForkDone:
    case lldb::eStopReasonThreadExiting:
      return false;
    case lldb::eStopReasonSignal:
      if (!process.GetUnixSignals().GetShouldSuppress(static_cast<int>(thread.GetStopReasonDataAtIndex(0)))) {
        return false;
      }
      break;
    default:
      break;
  }
  // An ordinary one can be sent again; what comes with a real-time signal is more than its number.
  return local_waiting_signals(OsThreadId{thread.GetThreadID()}) >> (kFirstRealTimeSignal - 1) == 0;
}

// The thread to take: the selected one if it can be, and no signal waits for it.
std::optional<lldb::SBThread> choose_thread(lldb::SBProcess& process) {
  std::vector<lldb::SBThread> threads{process.GetSelectedThread()};
  for (std::uint32_t i = 0; i < process.GetNumThreads(); ++i) {
    threads.push_back(process.GetThreadAtIndex(i));
  }
  std::optional<lldb::SBThread> second_best;
  for (auto& thread : threads) {
    if (!thread.IsValid() || !can_be_taken(process, thread)) {
      continue;
    }
    if (local_waiting_signals(OsThreadId{thread.GetThreadID()}) == 0) {
      return thread;
    }
    second_best = second_best ? second_best : thread;
  }
  return second_best;
}

}  // namespace

Result<std::int64_t> call_in_process(lldb::SBDebugger debugger, lldb::SBProcess process, Address instruction,
                                     const SystemCall& call) {
  const auto thread = choose_thread(process);
  if (!thread) {
    return refused("its threads are stopped for signals or in the middle of system calls; let it go on a little");
  }
  DebugServer server(debugger, process);
  if (!server.is_there()) {
    return fail(Code::unsupported, "the process is not run by LLDB's own server");
  }
  Borrowed borrowed(server, process, *thread);
  if (auto taken = borrowed.take(); !taken) {
    return std::unexpected(taken.error());
  }
  return borrowed.run(instruction, call);
}

}  // namespace memsnap
