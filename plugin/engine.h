#pragma once

#include <cstdint>
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
};

/// A live block, and where it came from.
struct LiveBlock {
  Address address;
  std::uint64_t size = 0;  ///< bytes asked for
  TracebackId traceback{};
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
  /// AfterHit::stop: what is live has passed the limit, and the thread is where its allocator call returns to.
  virtual AfterHit breakpoint_hit(Address address, StoppedThread& thread) = 0;
  /// Bytes that were live when it passed the limit last; until all threads are stopped there may be more.
  virtual std::uint64_t passed_size() = 0;
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
  /// The live block that begins at `address`, else the one that `address` lies in.
  virtual Result<std::optional<LiveBlock>> find_block(Address address) = 0;
  virtual Result<void> clear() = 0;
  virtual Result<void> reset_peak() = 0;
  /// Stops the program at each allocation that takes what is live from at most `bytes` to more; nullopt: at none.
  virtual Result<void> set_limit(std::optional<std::uint64_t> bytes) = 0;
  /// Blocks from now on are born after this snapshot.
  virtual void set_epoch(std::uint32_t snapshot) = 0;
  virtual EngineReport report() = 0;
};

}  // namespace memsnap
