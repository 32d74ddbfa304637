#include "gdb/remote_call.h"

#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/local_process.h"

namespace memsnap {
namespace {

// More stops than this before the instruction is done mean that something else is wrong.
constexpr int kMostStops = 64;

std::unexpected<Error> refuse_call(std::string_view what) {
  return fail(Code::debugger, fmt::format("no call can be made in the process: {}", what));
}

// Two hexadecimal digits a byte, lowest byte first; `x` where the server cannot tell.
std::optional<std::uint64_t> read(const std::string& registers, std::size_t place) {
  constexpr std::size_t kDigits = 2 * sizeof(std::uint64_t);
  if (registers.size() < 2 * place + kDigits) {
    return std::nullopt;
  }
  const auto digits = registers.substr(2 * place, kDigits);
  if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return std::nullopt;
  }
  return std::byteswap(std::stoull(digits, nullptr, 16));
}

bool write(std::string& registers, std::size_t place, std::uint64_t value) {
  const auto digits = fmt::format("{:016x}", std::byteswap(value));
  if (registers.size() < 2 * place + digits.size()) {
    return false;
  }
  registers.replace(2 * place, digits.size(), digits);
  return true;
}

// A fault of the instruction itself, and no signal that somebody sent.
bool is_fault(const siginfo_t& signal) {
  const bool can_be = signal.si_signo == SIGSEGV || signal.si_signo == SIGBUS || signal.si_signo == SIGILL ||
                      signal.si_signo == SIGFPE || signal.si_signo == SIGSYS;
  return can_be && signal.si_code > 0;
}

// A thread that the server holds, given back as it was found.
class RemotelyBorrowed {
 public:
  RemotelyBorrowed(RemoteServer& server, pid_t process, pid_t thread)
      : server_(server), process_(process), thread_(thread) {}
  RemotelyBorrowed(const RemotelyBorrowed&) = delete;
  RemotelyBorrowed& operator=(const RemotelyBorrowed&) = delete;
  ~RemotelyBorrowed();

  Result<void> take();
  Result<std::int64_t> run(Address instruction, const SystemCall& call);

 private:
  std::optional<std::uint64_t> get(const char* name);
  bool set(std::string& registers, const char* name, std::uint64_t value);
  std::optional<siginfo_t> read_stop();
  Result<void> step();
  void send_again(siginfo_t signal) const;

  RemoteServer& server_;
  pid_t process_;
  pid_t thread_;
  std::string registers_;          // as they were
  std::optional<siginfo_t> stop_;  // what it was stopped for
  std::vector<siginfo_t> signals_;
};

RemotelyBorrowed::~RemotelyBorrowed() {
  if (!registers_.empty()) {
    server_.send("G" + registers_);
  }
  if (stop_) {
    // For a signal that it gets when it goes on: the handler finds in there who sent it.
    server_.write_object("siginfo", {reinterpret_cast<const char*>(&*stop_), sizeof *stop_});
  }
  for (const auto& signal : signals_) {
    send_again(signal);
  }
}

// With all that came with it where the kernel lets another than the sender say so.
void RemotelyBorrowed::send_again(siginfo_t signal) const {
  if (signal.si_code >= 0 || syscall(SYS_rt_tgsigqueueinfo, process_, thread_, signal.si_signo, &signal) != 0) {
    syscall(SYS_tgkill, process_, thread_, signal.si_signo);
  }
}

std::optional<std::uint64_t> RemotelyBorrowed::get(const char* name) {
  const auto place = server_.register_places().find(name);
  return place == server_.register_places().end() ? std::nullopt : read(server_.send("g"), place->second);
}

bool RemotelyBorrowed::set(std::string& registers, const char* name, std::uint64_t value) {
  const auto place = server_.register_places().find(name);
  return place != server_.register_places().end() && write(registers, place->second, value);
}

std::optional<siginfo_t> RemotelyBorrowed::read_stop() {
  const auto bytes = server_.read_object("siginfo", sizeof(siginfo_t));
  siginfo_t stop{};
  if (bytes.size() != sizeof stop) {
    return std::nullopt;
  }
  std::memcpy(&stop, bytes.data(), sizeof stop);
  return stop;
}

Result<void> RemotelyBorrowed::take() {
  if (!server_.choose(static_cast<std::uint64_t>(process_), static_cast<std::uint64_t>(thread_))) {
    return refuse_call("the server does not know a thread");
  }
  // Where it is stopped inside the kernel, what it returns there would overwrite rax when it goes on. Out of exec it
  // can be brought first: a program's first instruction asks nothing of rax, and is not run for this. Source:
  // ptrace(2), PTRACE_EVENT stops and syscall-stops, which have the event or 0x80 beside SIGTRAP.
  if (const auto stop = read_stop()) {
    const bool is_trap = stop->si_signo == SIGTRAP && stop->si_code > 0;
    const auto event = is_trap ? stop->si_code >> 8 : 0;
    const bool enters =
        is_trap && stop->si_code == (SIGTRAP | 0x80) && get("rax") == static_cast<std::uint64_t>(-ENOSYS);
    if (enters || (event != 0 && event != PTRACE_EVENT_EXEC)) {
      return refuse_call("a thread is stopped in the middle of a system call; let it go on a little");
    }
    if (event == PTRACE_EVENT_EXEC) {
      if (auto stepped = step(); !stepped) {
        return stepped;
      }
    } else {
      stop_ = stop;
    }
  }
  auto registers = server_.send("g");
  // The server sends what it cannot tell as `x`, and would not take that back.
  if (registers.size() < 2 || registers.starts_with('E') || registers.contains('x') ||
      !server_.register_places().contains("orig_rax")) {
    return refuse_call("the server does not tell a thread's registers");
  }
  registers_ = std::move(registers);
  return {};
}

// One instruction. Signals that the thread has to get before it are sent anew afterwards.
Result<void> RemotelyBorrowed::step() {
  const auto name = server_.name_of(static_cast<std::uint64_t>(process_), static_cast<std::uint64_t>(thread_));
  for (int i = 0; i < kMostStops; ++i) {
    const auto answer = server_.send("vCont;s:" + name);
    if (!answer.starts_with('T')) {
      registers_.clear();
      stop_.reset();
      return refuse_call(answer.starts_with('W') || answer.starts_with('X') ? "the process has gone"
                                                                            : "a thread does not step");
    }
    const auto stop = read_stop();
    // Source: GDB's manual, Stop reply packets: the number is 05 for SIGTRAP.
    if (answer.starts_with("T05") || !stop) {
      return {};
    }
    if (is_fault(*stop)) {
      return refuse_call("a thread gets a fault there");
    }
    signals_.push_back(*stop);
  }
  return refuse_call("a thread gets too many signals");
}

Result<std::int64_t> RemotelyBorrowed::run(Address instruction, const SystemCall& call) {
  auto registers = registers_;
  bool is_set = set(registers, "rip", instruction.value) &&
                set(registers, "orig_rax", ~std::uint64_t{0});  // or the kernel restarts what was interrupted
  for (const auto& [which, value] : call.registers()) {
    is_set = is_set && set(registers, to_string(which), value);
  }
  if (!is_set || server_.send("G" + registers) != "OK") {
    return refuse_call("a thread's registers cannot be set");
  }
  if (auto stepped = step(); !stepped) {
    return std::unexpected(stepped.error());
  }
  const auto result = get("rax");
  if (!result || get("rip") != instruction.value + kSystemCallSize) {
    return refuse_call("a thread does not get to it");
  }
  return static_cast<std::int64_t>(*result);
}

}  // namespace

std::optional<NativeRegisters> read_remote_registers(RemoteServer& server, pid_t process, pid_t thread) {
  if (!server.choose(static_cast<std::uint64_t>(process), static_cast<std::uint64_t>(thread))) {
    return std::nullopt;
  }
  const auto all = server.send("g");
  const auto& places = server.register_places();
  const auto get = [&](const char* name) {
    const auto place = places.find(name);
    return place == places.end() ? std::nullopt : read(all, place->second);
  };
  NativeRegisters registers{{}, {}};
  for (std::size_t i = 0; i < kRegisterNames.size(); ++i) {
    const auto value = get(kRegisterNames.at(i));
    if (!value) {
      return std::nullopt;
    }
    registers.general.set(static_cast<Register>(i), *value);
  }
  const auto thread_pointer = get("fs_base");
  if (!thread_pointer) {
    return std::nullopt;
  }
  registers.thread_pointer = {*thread_pointer};
  return registers;
}

Result<std::int64_t> call_in_remote_thread(RemoteServer& server, pid_t process, pid_t thread, Address instruction,
                                           const SystemCall& call) {
  RemotelyBorrowed borrowed(server, process, thread);
  if (auto taken = borrowed.take(); !taken) {
    return std::unexpected(taken.error());
  }
  return borrowed.run(instruction, call);
}

}  // namespace memsnap
