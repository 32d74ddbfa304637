#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/module.h"
#include "core/result.h"
#include "core/trace/snapshot.h"
#include "plugin/debugger.h"

namespace memsnap {

/// An entry point that an engine watches, for `status`.
struct WatchedEntryPoint {
  std::string domain;
  std::string name;       ///< demangled
  std::string module;     ///< base name
  std::string call;       ///< what it does, see call_word
  std::string arguments;  ///< see argument_words
  std::string_view how;   ///< "breakpoint" or "hook"
};

/// What an engine can tell of itself.
struct EngineReport {
  std::vector<WatchedEntryPoint> entry_points;
  std::map<std::string, std::uint64_t> not_recorded;  ///< calls, by reason
  std::string remark;                                 ///< what the user should know of it; mostly empty
  std::uint64_t overhead_process = 0;                 ///< bytes in the inferior
  std::uint64_t overhead_debugger = 0;                ///< bytes in the debugger
  std::uint64_t faults = 0;                           ///< calls that make no sense
  std::uint64_t faults_lost = 0;                      ///< those of them that are only counted
  std::uint64_t history = 0;                          ///< freed blocks that are kept
};

/// A live block, and where it came from.
struct LiveBlock {
  Address address;
  std::uint64_t size = 0;  ///< bytes asked for
  Origin origin;
  std::uint32_t epoch = 0;  ///< number of the last snapshot taken before it was born, 0 where there was none

  auto operator<=>(const LiveBlock&) const = default;
};

/// A block that is no more.
struct FreedBlock {
  LiveBlock block;  ///< as it was
  TracebackId freed_by{};
  ThreadId freed_in{};

  auto operator<=>(const FreedBlock&) const = default;
};

enum class FaultKind : std::uint8_t {
  freed_again,  ///< the address of a block that was freed
  inner,        ///< one that lies in a live block, not at its start
  foreign,      ///< one where no block is
  mismatch,     ///< a live block of another family, or of a pool
};

/// What an allocator was asked that makes no sense: a call that was to take a block.
struct Fault {
  FaultKind kind = FaultKind::foreign;
  Address address;                           ///< that the call was given
  std::uint64_t times = 1;                   ///< that the same was done from there; the rest is of the first time
  TracebackId traceback{};                   ///< of the call
  ThreadId thread{};                         ///< that made it
  bool is_reallocated = false;               ///< the call was to reallocate
  std::optional<LiveBlock> block{};          ///< that it is about; none for `foreign`
  std::optional<TracebackId> first_freed{};  ///< freed_again: where the block was freed before
  ThreadId first_thread{};                   ///< and by whom
  std::string given{};                       ///< mismatch: what gave the block, `new`
  std::string taken{};                       ///< and what was to take it, `free`
  bool is_on_stack = false;                  ///< foreign: the address is on the stack of the call

  auto operator<=>(const Fault&) const = default;
};

/// How often something was done that makes no sense.
std::uint64_t total_times(const std::vector<Fault>& faults);

/// How messages call the families of layout::Site: what gives a block, and what takes one.
std::string_view giving_word(std::uint8_t families);
std::string_view taking_word(std::uint8_t families, bool is_reallocated);

/// A call site that the user has set a limit to.
struct SiteLimit {
  std::uint64_t bytes = 0;
  std::function<bool(TracebackId)> is_there;  ///< whether a traceback's blocks are charged to it
};

/// The limits that were passed at a hit, and what was live then, in bytes.
struct PassedLimits {
  std::optional<std::uint64_t> size{};
  std::optional<std::uint64_t> size_at_site{};

  bool has_fault = false;  ///< a call was seen that makes no sense

  bool any() const { return size || size_at_site; }
};

/// A source of allocation events, and the books it keeps. One engine serves one process.
///
/// The session calls it with all inferior threads stopped.
class Engine {
 public:
  virtual ~Engine() = default;

  virtual std::string_view name() const = 0;
  /// The modules mapped now. The first call begins the recording; later ones come when modules came or went.
  virtual Result<void> modules_changed(const ModuleMap& modules) = 0;
  /// Whether it has set a breakpoint there whose hits must not be told twice.
  virtual bool has_breakpoint(Address) const { return false; }
  /// Where a limit was passed, the thread is where its allocator call returns to. Until all threads are stopped there
  /// may be more live than it says.
  virtual PassedLimits breakpoint_hit(Address address, StoppedThread& thread) = 0;
  /// The user's own breakpoints are others now.
  virtual void breakpoints_changed() {}
  /// The user has added an allocator. Errors: the first of its functions that cannot be watched; the others are.
  virtual Result<void> allocators_changed() { return {}; }
  /// Takes everything out of the process again. `process_is_gone`: there is nothing to take it out of.
  virtual void stop(bool process_is_gone) = 0;

  /// Whether it has found an allocator in the process.
  virtual bool has_entry_points() const = 0;
  /// What is live now; `id` and `name` are the caller's.
  virtual Result<Snapshot> now() = 0;
  virtual Result<Totals> totals() = 0;
  /// The live block that begins at `address`, else the one that `address` lies in, of several the one that begins last.
  /// Blocks are taken for `slack` bytes longer than they are.
  virtual Result<std::optional<LiveBlock>> find_block(Address address, std::uint64_t slack) = 0;
  /// All live blocks, ascending by address. Two can have one address, or one can lie in another: a pool's, and what the
  /// pool had from its allocator before it was known as one. Takes memory and time by the blocks, not by the
  /// tracebacks.
  virtual Result<std::vector<LiveBlock>> live_blocks() = 0;
  /// The block freed last that begins at `address` or that it lies in, as far as freed blocks are kept.
  virtual Result<std::optional<FreedBlock>> find_freed(Address address) = 0;
  /// The newest first. A call is at fault from its beginning on. Nothing is told that is not certain.
  virtual Result<std::vector<Fault>> faults() = 0;
  virtual Result<void> clear() = 0;
  virtual Result<void> reset_peak() = 0;
  /// Stops the program at each allocation that takes what is live from at most `bytes` to more; nullopt: at none.
  virtual Result<void> set_limit(std::optional<std::uint64_t> bytes) = 0;
  /// The same of what is live of one call site. To be set anew where that is told by other rules.
  virtual Result<void> set_site_limit(std::optional<SiteLimit> limit) = 0;
  /// Blocks from now on are born after this snapshot.
  virtual void set_epoch(std::uint32_t snapshot) = 0;
  virtual EngineReport report() = 0;
  /// Whether clear() was called, so that blocks may be live that are not known any more.
  virtual bool has_forgotten_blocks() = 0;
  /// The memory in the process that is the engine's own, in any order: nothing there is a pointer of the program's.
  virtual Result<std::vector<AddressRange>> own_memory() { return {}; }
};

}  // namespace memsnap
