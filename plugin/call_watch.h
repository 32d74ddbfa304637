#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/address.h"
#include "core/inject/body.h"
#include "core/symbols/symbolizer.h"
#include "plugin/debugger.h"
#include "plugin/unwind_tables.h"
#include "plugin/ways_out.h"

namespace memsnap {

/// How a call ended.
enum class CallEnd : std::uint8_t {
  returned,
  exception,  ///< one was caught further out
  jump,       ///< longjmp to a frame further out
  thread,     ///< its thread ends
  process,    ///< the process has ended
  program,    ///< the process called exec
};

/// Stops the process where a function is entered, and where that very call has ended: the call by its frame, which is
/// a thread and a stack pointer. Other calls of the function, deeper ones and other threads', are none of its business.
///
/// Everything but the events is called at a stop.
class CallWatch {
 public:
  enum class Stage : std::uint8_t {
    idle,
    waiting,  ///< for the function to be entered
    entered,  ///< the process stands at its first instruction
    inside,   ///< for the call to end
    ended,    ///< the process stands where it ended, or is gone
  };

  /// Borrows everything. `modules` is what is mapped at each moment; `is_taken` says where another breakpoint of
  /// memsnap's is already, whose hits come here as well.
  CallWatch(Debugger& debugger, const ModuleTable& names, const ModuleMap& modules, UnwindTables& tables,
            Symbolizer& symbolizer, std::function<bool(Address)> is_taken);

  /// Begins to wait for the next call of what `location` names. Errors: Code::not_found where it names nothing now.
  Result<void> wait(const std::string& location);
  /// From Stage::entered on to Stage::inside.
  Result<void> follow();
  /// While the user runs the process without waiting for this: a function that was not entered yet is not looked out
  /// for. `wait` begins anew.
  void pause();
  void cancel();

  Stage stage() const { return stage_; }
  /// In Stage::ended.
  CallEnd end() const { return end_; }
  /// Whether the thread still stands where it entered the function.
  bool is_at_entry();

  AfterHit hit(Address address, StoppedThread& thread);
  /// The process has gone, or runs another program.
  void process_gone(CallEnd how);

 private:
  /// Where execution goes on once something has taken the call's frame away.
  struct Landing {
    Address address;
    Address stack;
    CallEnd end = CallEnd::returned;
  };

  Result<void> watch(Address address);
  /// All, or none: then it is idle.
  Result<void> watch_all(const std::vector<Address>& addresses);
  void unwatch();
  AfterHit finish(CallEnd end);
  bool is_left_at(Address address, StoppedThread& thread);
  AfterHit on_way_out(WayOut way, StoppedThread& thread, Address stack);
  std::optional<Landing> catch_landing(StoppedThread& thread, Address stack);
  std::optional<Landing> jump_landing(StoppedThread& thread);
  bool is_same_stack(Address one, Address other);
  /// As the module's file counts, in the compiler's order; empty where no inlined function of that name is there.
  std::vector<AddressRange> inlined_code(Address address, const std::string& location);
  InlinedBody inlined_body(Address entry, const std::string& location);

  Debugger& debugger_;
  const ModuleTable& names_;
  const ModuleMap& modules_;
  UnwindTables& tables_;
  Symbolizer& symbolizer_;
  std::function<bool(Address)> is_taken_;
  WaysOut ways_out_;

  Stage stage_ = Stage::idle;
  CallEnd end_ = CallEnd::returned;
  std::string location_;
  std::unordered_map<Address, std::optional<BreakpointId>> watched_;  // without one where it is another's
  std::vector<Address> places_;
  // The call.
  OsThreadId thread_{};
  Registers registers_;           // at its entry
  std::optional<Caller> caller_;  // where it returns to; none for an outermost function
  InlinedBody body_;              // of one that was inlined
  std::unordered_map<Address, WayOut> open_ways_;
  std::optional<Landing> landing_;
};

}  // namespace memsnap
