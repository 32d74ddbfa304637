#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/trace/block.h"
#include "plugin/allocators.h"
#include "plugin/debugger.h"

namespace memsnap {

/// A call of an entry point that has not returned yet (one that is not watched: that has not been seen to return).
struct PendingCall {
  const EntryPoint* entry_point = nullptr;
  Address entry;  ///< run-time address of the entry point
  Address stack;  ///< rsp at entry: the slot that holds the return address
  Address return_address;
  std::uint64_t size = 0;    ///< bytes asked for
  bool overflows = false;    ///< size times count does not fit: the call can only fail
  Address out;               ///< where allocate_out stores the block's address
  Address pointer;           ///< the block that is taken
  std::optional<Block> old;  ///< what reallocate took from the books
  std::uint64_t pool = 0;    ///< which of several pools
  DomainId domain{};
  Space space{};
  bool is_watched = true;  ///< whether its return is: a free's is not, but for a pool of the user's own
  bool is_inside = false;  ///< made by a call of such a pool: what it gives is the pool's own business
  Traceback traceback;
};

/// The calls under way, by thread, innermost last. Frames below the stack pointer of a thread are gone, and so are
/// their calls: an exception or a longjmp took them.
class PendingCalls {
 public:
  std::vector<PendingCall>& of(OsThreadId thread) { return calls_[thread]; }

  /// Takes out the call of `thread` that returns to `return_address` with `stack` as the stack pointer after the
  /// return, and moves those that it or an unwinding left behind into `abandoned`.
  std::optional<PendingCall> take_returned(OsThreadId thread, Address return_address, Address stack,
                                           std::vector<PendingCall>& abandoned);

  /// Moves the calls whose frames are gone, as `thread` now enters a function with its stack pointer at `stack`, into
  /// `abandoned`. A call at exactly `stack` is gone too.
  void drop_unwound(OsThreadId thread, Address stack, std::vector<PendingCall>& abandoned);

  /// Forgets everything; the calls with a block taken from the books are handed back.
  std::vector<PendingCall> clear();

 private:
  std::unordered_map<OsThreadId, std::vector<PendingCall>> calls_;
};

}  // namespace memsnap
