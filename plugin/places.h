#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/module.h"
#include "core/symbols/symbolizer.h"
#include "plugin/debugger.h"

namespace memsnap {

/// What an address that is in no block belongs to.
enum class PlaceKind : std::uint8_t {
  unmapped,
  stack,          ///< of a thread, from its stack pointer on
  below_stack,    ///< of a thread, what its stack may grow into
  thread_local_,  ///< a thread's own variables, or the C library's data of it
  variable,       ///< a module's: global, or static
  code,
  constant,  ///< a module's, that cannot be written
  heap,      ///< the allocator's own, or a block that is not live
  other,     ///< mapped by the program, or the system
};

/// Where an address is.
struct Place {
  PlaceKind kind = PlaceKind::unmapped;
  OsThreadId thread{};                      ///< of a stack, or of thread-local data
  std::string name{};                       ///< of a variable or function (of a stack: whose frame it is); may be empty
  std::string module{};                     ///< whole path; of variables, code and constants
  std::uint64_t offset = 0;                 ///< of the address in what `name` is, in bytes; not of a frame
  std::optional<StackVariable> variable{};  ///< of a stack's frame, where that is known
  std::string text{};  ///< for people: `stack of thread 1 (main), frame fill(int)`; `global 'table'+16 in server`
};

/// Tells what addresses are, at one stop.
class Places {
 public:
  /// A stopped thread.
  struct Thread {
    OsThreadId id{};
    Address sp;                                     ///< rsp
    Address pointer;                                ///< where its own data is, 0 where that is not known
    std::optional<std::vector<StackFrame>> frames;  ///< once they were asked for
  };

  /// Borrows everything for its life. For a process that can be read.
  Places(Debugger& debugger, ModuleTable& names, Symbolizer& symbols);

  Place find(Address address);

  /// The region that an address is in, or nullptr.
  const MemoryRegion* region(Address address) const;
  const std::vector<MemoryRegion>& regions() const { return regions_; }
  const ModuleMap& modules() const { return modules_; }
  /// Those whose stack pointer is known.
  const std::vector<Thread>& threads() const { return threads_; }

 private:
  Place in_stack(Thread& thread, Address address);
  Place in_module(const LoadedModule& module, Address address, bool is_code);
  bool is_code(const LoadedModule& module, Address address);
  Address outermost(Thread& thread);
  Address find_thread_pointer(OsThreadId thread);
  std::string label(OsThreadId thread);
  std::optional<Place> in_thread(Address address, const MemoryRegion& region);

  Debugger& debugger_;
  ModuleTable& names_;
  Symbolizer& symbols_;
  ModuleMap modules_;
  std::vector<MemoryRegion> regions_;  // ascending
  std::vector<Thread> threads_;
};

}  // namespace memsnap
