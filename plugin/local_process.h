#pragma once

#include <sys/types.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "plugin/debugger.h"

namespace memsnap {

/// Reads the memory of a process on this machine directly, which is many times cheaper than through a debugger.
/// Gives 0 bytes where the kernel does not allow it; the caller then asks the debugger.
class LocalMemory final : public MemoryReader {
 public:
  void set_pid(pid_t pid) { pid_ = pid; }
  std::size_t read(Address address, std::span<std::byte> into) override;

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

 private:
  struct FileFacts {
    bool is_elf = false;
    std::string build_id;
    std::uint64_t first_page = 0;
    std::uint64_t code_end = 0;
  };
  const FileFacts& facts(const std::string& path, const std::string& inode);

  std::map<std::pair<std::string, std::string>, FileFacts> files_;  // by path and inode
};

/// The random bytes that the kernel gave the program when it was started in this process: other ones after each exec,
/// the same in a forked child. Empty where they cannot be read.
std::string local_program_instance(pid_t pid);

/// The name that a thread of a process on this machine has; empty where it cannot be read.
std::string local_thread_name(pid_t pid, OsThreadId thread);

}  // namespace memsnap
