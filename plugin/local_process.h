#pragma once

#include <sys/types.h>

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/debugger.h"

namespace memsnap {

/// A stretch of a process' memory. Source: proc(5), /proc/pid/maps.
struct Mapping {
  AddressRange range;
  std::string permissions;  ///< as `r-xp`
  std::uint64_t offset = 0;
  std::string inode;  ///< "0" where it is no file's
  std::string path;   ///< also `[vdso]` and the like; empty for memory without a name

  bool is_readable() const { return permissions.contains('r'); }
  bool is_writable() const { return permissions.contains('w'); }
  bool is_executable() const { return permissions.contains('x'); }
};

/// All that is mapped in a process on this machine, ascending; empty where it cannot be looked at.
std::vector<Mapping> local_mappings(pid_t pid);
/// The same as Debugger::regions has it.
std::vector<MemoryRegion> local_regions(pid_t pid);

/// Reads and writes the memory of a process on this machine directly, which is many times cheaper than through a
/// debugger. Gives 0 bytes where the kernel does not allow it; the caller then asks the debugger.
class LocalMemory final : public MemoryReader {
 public:
  void set_pid(pid_t pid) { pid_ = pid; }
  std::size_t read(Address address, std::span<std::byte> into) override;
  /// Writes from `address` on what the process could write itself. Returns: the bytes written, from the front. Knows of
  /// no breakpoints, so it is not for code.
  std::size_t write(Address address, std::span<const std::byte> bytes);

 private:
  pid_t pid_ = 0;
};

/// The modules of a process on this machine, from its memory map and the files named there.
///
/// Keeps what it learnt of a file for the next call.
class LocalModules {
 public:
  /// Empty where the process cannot be looked at.
  std::vector<MappedModule> read(pid_t pid);
  /// Whether, at the last `read`, some of it could be both written and run.
  bool is_writable_code(AddressRange range) const;

 private:
  struct FileFacts {
    bool is_elf = false;
    std::string build_id;
    std::uint64_t first_page = 0;
    std::uint64_t code_end = 0;
  };
  const FileFacts& facts(const std::string& path, const std::string& inode);

  std::map<std::pair<std::string, std::string>, FileFacts> files_;  // by path and inode
  std::vector<AddressRange> writable_code_;
};

/// The random bytes that the kernel gave the program when it was started in this process: other ones after each exec,
/// the same in a forked child. Empty where they cannot be read.
std::string local_program_instance(pid_t pid);
/// The same, read through `memory`: where the kernel lets nobody but the debugger read it.
std::string local_program_instance(pid_t pid, MemoryReader& memory);

/// The threads of a process on this machine that have not exited; empty where it cannot be looked at.
std::vector<OsThreadId> local_threads(pid_t pid);

/// Signals that wait for a thread of a process on this machine and that it does not block: bit 0 is signal 1.
std::uint64_t local_waiting_signals(OsThreadId thread);

/// Whether a process is one of this machine, and not one of another that happens to have its number: what it was
/// started with is the same here as a debugger reads it through `memory`. False also where it cannot be looked at.
bool is_local_process(pid_t pid, MemoryReader& memory);

/// A process that the kernel names in what it says of another (`PPid`, `TracerPid`); 0 where there is none.
pid_t local_relative(pid_t pid, std::string_view relation);

/// Why code for x86-64 cannot be put into a process on this machine; empty where it can.
std::string local_injection_obstacle(pid_t pid);

/// Why a thread of a process on this machine may not survive a system call that it is made to do: it has filters
/// (seccomp) beside those that it shares with this process. Empty where nothing is known against it.
std::string local_system_call_obstacle(pid_t pid);

/// Whether a thread of this machine is stopped for its debugger.
bool local_is_traced_stop(OsThreadId thread);

/// The name that a thread of a process on this machine has; empty where it cannot be read.
std::string local_thread_name(pid_t pid, OsThreadId thread);

}  // namespace memsnap
