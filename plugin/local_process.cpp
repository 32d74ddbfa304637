#include "plugin/local_process.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/auxv.h>
#include <sys/uio.h>

#include <algorithm>
#include <compare>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "core/elf/elf_file.h"

namespace memsnap {
namespace {

// What a thread may not ask of the kernel. Source: proc(5), /proc/pid/status.
struct Seccomp {
  bool is_strict = false;
  int filters = 0;

  auto operator<=>(const Seccomp&) const = default;
};

// What the kernel says of a process or a thread under `key`; empty where it says nothing. Source: proc(5),
// /proc/pid/status.
std::string status_field(const std::string& file, std::string_view key) {
  std::ifstream status(file);
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ':') {
      return line.substr(key.size() + 1);
    }
  }
  return {};
}

std::string status_file(OsThreadId thread) {
  return fmt::format("/proc/{}/status", static_cast<std::uint64_t>(thread));
}

int number_of(const std::string& field) { return static_cast<int>(std::strtol(field.c_str(), nullptr, 10)); }

Seccomp seccomp_of(const std::string& file) {
  const auto mode = number_of(status_field(file, "Seccomp"));
  const auto filters = status_field(file, "Seccomp_filters");  // since Linux 5.9
  return {mode == 1, filters.empty() ? (mode == 2 ? 1 : 0) : number_of(filters)};
}

// All of `range`; empty where it cannot be read.
std::string read_text(MemoryReader& memory, AddressRange range) {
  std::string text(range.end - range.begin, '\0');
  return memory.read(range.begin, std::as_writable_bytes(std::span(text))) == text.size() ? text : std::string();
}

// Where a process has the environment that it was started with.
AddressRange environment(pid_t pid) {
  // Source: proc(5), /proc/pid/stat: number (name) state and numbers; fields 50 and 51. The name may hold anything.
  constexpr int kFirst = 3;
  constexpr int kBegin = 50;
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = kFirst; i < kBegin; ++i) {
    fields >> skipped;
  }
  AddressRange range;
  fields >> range.begin.value >> range.end.value;
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 26;
  return fields && range.begin < range.end && range.end - range.begin < kLargest ? range : AddressRange();
}

}  // namespace

std::vector<Mapping> local_mappings(pid_t pid) {
  // Each line: begin-end permissions offset device inode path
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::vector<Mapping> mappings;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    Mapping mapping;
    char dash = 0;
    std::string device;
    fields >> std::hex >> mapping.range.begin.value >> dash >> mapping.range.end.value >> mapping.permissions >>
        mapping.offset >> device >> mapping.inode;
    if (!fields) {
      continue;
    }
    std::getline(fields >> std::ws, mapping.path);
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

std::vector<MemoryRegion> local_regions(pid_t pid) {
  std::vector<MemoryRegion> regions;
  for (auto& mapping : local_mappings(pid)) {
    regions.push_back({mapping.range, mapping.is_readable(), mapping.is_writable(), mapping.is_executable(),
                       std::move(mapping.path)});
  }
  return regions;
}

std::size_t LocalMemory::read(Address address, std::span<std::byte> into) {
  if (pid_ <= 0 || into.empty()) {
    return 0;
  }
  iovec local{into.data(), into.size()};
  // The kernel wants the foreign address as a pointer. NOLINTNEXTLINE(performance-no-int-to-ptr)
  iovec remote{reinterpret_cast<void*>(address.value), into.size()};
  const auto got = process_vm_readv(pid_, &local, 1, &remote, 1, 0);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::size_t LocalMemory::write(Address address, std::span<const std::byte> bytes) {
  if (pid_ <= 0 || bytes.empty()) {
    return 0;
  }
  // What is to be written is only read. NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  iovec local{const_cast<std::byte*>(bytes.data()), bytes.size()};
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  iovec remote{reinterpret_cast<void*>(address.value), bytes.size()};
  const auto done = process_vm_writev(pid_, &local, 1, &remote, 1, 0);
  return done > 0 ? static_cast<std::size_t>(done) : 0;
}

const LocalModules::FileFacts& LocalModules::facts(const std::string& path, const std::string& inode) {
  const auto [entry, is_new] = files_.try_emplace({path, inode});
  if (is_new) {
    if (const auto file = ElfFile::open(path)) {
      const auto code = file->code();
      entry->second = {true, file->build_id(), file->first_page(), code.empty() ? 0 : code.back().end.value};
    }
  }
  return entry->second;
}

std::vector<MappedModule> LocalModules::read(pid_t pid) {
  std::vector<MappedModule> modules;
  std::vector<bool> has_code;                  // by module
  std::map<std::string, std::size_t> by_path;  // the latest module
  writable_code_.clear();
  for (const auto& mapping : local_mappings(pid)) {
    const auto segment = mapping.range;
    if (mapping.is_writable() && mapping.is_executable()) {
      writable_code_.push_back(segment);
    }
    auto path = mapping.path;
    if (path.empty() || path.front() != '/' || mapping.inode == "0") {
      continue;
    }
    if (constexpr std::string_view kDeleted = " (deleted)"; path.ends_with(kDeleted)) {
      path.resize(path.size() - kDeleted.size());
    }
    auto known = by_path.find(path);
    // A module begins with the mapping of its ELF header; other mapped files are data. The header's page can be mapped
    // again with what follows it in a small file.
    const bool is_header = mapping.offset == 0;
    if (known == by_path.end() && !is_header) {
      continue;
    }
    const auto& file = facts(path, mapping.inode);
    if (known == by_path.end() || (is_header && segment.begin.value - modules[known->second].bias >= file.code_end)) {
      if (!file.is_elf) {
        continue;
      }
      known = by_path.insert_or_assign(path, modules.size()).first;
      modules.push_back({{path, file.build_id, {}}, segment.begin.value - file.first_page, {}});
      has_code.push_back(false);
    }
    modules[known->second].segments.push_back(segment);
    has_code[known->second] = has_code[known->second] || mapping.is_executable();
  }
  // A program may map a library's file to read it, anywhere.
  std::vector<MappedModule> loaded;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (has_code[i]) {
      loaded.push_back(std::move(modules[i]));
    }
  }
  return loaded;
}

bool LocalModules::is_writable_code(AddressRange range) const {
  return std::ranges::any_of(
      writable_code_, [range](const AddressRange& each) { return each.begin < range.end && range.begin < each.end; });
}

std::vector<OsThreadId> local_threads(pid_t pid) {
  std::vector<OsThreadId> threads;
  std::error_code failed;
  std::filesystem::directory_iterator task(fmt::format("/proc/{}/task", pid), failed);
  for (; !failed && task != std::filesystem::directory_iterator(); task.increment(failed)) {
    // Source: proc(5), /proc/pid/stat: number (name) state. The name may hold anything, a ')' too.
    std::ifstream stat(task->path() / "stat");
    std::string line;
    std::getline(stat, line);
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos || name_end + 2 >= line.size()) {
      continue;
    }
    if (const auto state = line[name_end + 2]; state != 'Z' && state != 'X') {
      threads.push_back(OsThreadId{std::stoull(line)});
    }
  }
  std::ranges::sort(threads);
  return threads;
}

std::string local_injection_obstacle(pid_t pid) {
  const auto program = ElfFile::open(fmt::format("/proc/{}/exe", pid));
  return program ? local_system_call_obstacle(pid) : "its program is not one for x86-64";
}

std::string local_system_call_obstacle(pid_t pid) {
  const auto ours = seccomp_of("/proc/self/status");
  for (const auto thread : local_threads(pid)) {
    if (seccomp_of(status_file(thread)) > ours) {
      return "the process filters its system calls (seccomp), and could be killed for the recorder's";
    }
  }
  return {};
}

std::uint64_t local_waiting_signals(OsThreadId thread) {
  const auto signals = [file = status_file(thread)](std::string_view key) {
    return std::strtoull(status_field(file, key).c_str(), nullptr, 16);
  };
  return (signals("SigPnd") | signals("ShdPnd")) & ~signals("SigBlk");
}

pid_t local_relative(pid_t pid, std::string_view relation) {
  return number_of(status_field(fmt::format("/proc/{}/status", pid), relation));
}

std::string local_program_instance(pid_t pid, MemoryReader& memory) {
  // Source: proc(5), /proc/pid/auxv; getauxval(3), AT_RANDOM: the address of sixteen bytes.
  std::ifstream auxv(fmt::format("/proc/{}/auxv", pid), std::ios::binary);
  Elf64_auxv_t entry{};
  while (auxv.read(reinterpret_cast<char*>(&entry), sizeof(entry))) {
    if (entry.a_type == AT_RANDOM) {
      return read_text(memory, {{entry.a_un.a_val}, {entry.a_un.a_val + 16}});
    }
  }
  return {};
}

std::string local_program_instance(pid_t pid) {
  LocalMemory memory;
  memory.set_pid(pid);
  return local_program_instance(pid, memory);
}

bool is_local_process(pid_t pid, MemoryReader& memory) {
  if (const auto here = local_program_instance(pid); !here.empty()) {
    return local_program_instance(pid, memory) == here;
  }
  // A kernel that lets nobody but the debugger read the memory may tell what it has of a process' environment.
  std::ifstream environ(fmt::format("/proc/{}/environ", pid), std::ios::binary);
  const std::string here(std::istreambuf_iterator<char>(environ), {});
  return !here.empty() && read_text(memory, environment(pid)) == here;
}

bool local_is_traced_stop(OsThreadId thread) {
  const auto state = status_field(status_file(thread), "State");
  const auto letter = state.find_first_not_of(" \t");
  return letter != std::string::npos && state[letter] == 't';
}

std::string local_thread_name(pid_t pid, OsThreadId thread) {
  std::ifstream comm(fmt::format("/proc/{}/task/{}/comm", pid, static_cast<std::uint64_t>(thread)));
  std::string name;
  std::getline(comm, name);
  return name;
}

}  // namespace memsnap
