#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/recorder/reader.h"
#include "plugin/session.h"
#include "tests/recorder/ptrace_debugger.h"

namespace memsnap::test {

/// The path of one of the programs in tests/targets/recorded.
std::string recorded_program(const std::string& name);

/// Blocks by address, with their sizes. Two may have one address: what a realloc under way was given is live until it
/// is known what came of it, and by then the allocator may have given that address to another thread.
using Blocks = std::multimap<std::uint64_t, std::uint64_t>;

/// All that the recorder tells at one stop.
struct Look {
  Totals totals;
  std::vector<LiveCount> counts;
  std::vector<RecordedBlock> blocks;  ///< ascending by address

  bool operator==(const Look&) const = default;
};

/// Of the instructions that a test steps to, it looks at one in so many.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// What the sanitizers watch is how our side looks, which is the same at each; it takes them eight times as long.
inline constexpr std::size_t kLookEach = 17;
#else
inline constexpr std::size_t kLookEach = 1;
#endif

/// A program and the recorder in it.
class Recorded {
 public:
  /// `history`: freed blocks to keep.
  explicit Recorded(std::uint32_t frames = 32, std::uint32_t history = 0);

  /// Starts one of our programs, which is recorded from its first instruction on.
  void launch(const std::string& program, const std::vector<std::string>& arguments = {},
              const std::vector<std::string>& environment = {});
  /// Records a process that is there already.
  void record();

  PtraceDebugger debugger;
  Session session;

  /// Runs until a thread is about to execute this function. Anything else fails the test.
  OsThreadId run_to(std::string_view function) { return run_to(debugger.find_function(function)); }
  OsThreadId run_to(Address address);
  /// Runs until it exits with 0.
  void run_to_end();

  RecorderEngine& engine();
  /// Where the recorder's own code lies.
  AddressRange recorder_code();
  RecorderReader reader();
  RecordedBooks books();
  Totals totals();
  Blocks blocks();
  Look look();
  /// The last one first.
  std::vector<RecordedFreed> freed();
  /// Of calls that made no sense.
  std::vector<Fault> faults();
  /// Calls that were not recorded, for whatever reason.
  std::uint64_t not_recorded();

  /// An argument of the function that the thread is about to execute, from 0 on.
  std::uint64_t argument(OsThreadId thread, unsigned number);
  std::uint64_t pc(OsThreadId thread) { return *debugger.read_register(thread, Register::rip); }

  template <typename T>
  T read(std::uint64_t address) {
    T value{};
    read_bytes(address, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  std::string read_text(std::uint64_t address);

 private:
  void read_bytes(std::uint64_t address, std::span<std::byte> into);

  std::uint32_t frames_;
  std::uint32_t history_;
};

/// Has a debugger of its own record a process, let it run, and be killed. Returns whether it came that far. `limit` is
/// that of `memsnap limit`.
bool record_by_killed_debugger(pid_t pid, std::optional<std::uint64_t> limit = std::nullopt);

}  // namespace memsnap::test
