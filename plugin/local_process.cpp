#include "plugin/local_process.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/auxv.h>
#include <sys/uio.h>

#include <fstream>
#include <sstream>

#include "core/elf/elf_file.h"

namespace memsnap {

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
  // Source: proc(5), /proc/pid/maps: begin-end perms offset dev inode path.
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::vector<MappedModule> modules;
  std::vector<bool> has_code;                  // by module
  std::map<std::string, std::size_t> by_path;  // the latest module
  std::string line;
  while (std::getline(maps, line)) {
    std::istringstream fields(line);
    std::string range;
    std::string permissions;
    std::string offset;
    std::string device;
    std::string inode;
    std::string path;
    fields >> range >> permissions >> offset >> device >> inode;
    std::getline(fields >> std::ws, path);
    if (path.empty() || path.front() != '/' || inode == "0") {
      continue;
    }
    if (constexpr std::string_view kDeleted = " (deleted)"; path.ends_with(kDeleted)) {
      path.resize(path.size() - kDeleted.size());
    }
    const auto dash = range.find('-');
    if (dash == std::string::npos) {
      continue;
    }
    const AddressRange segment{{std::stoull(range.substr(0, dash), nullptr, 16)},
                               {std::stoull(range.substr(dash + 1), nullptr, 16)}};
    auto known = by_path.find(path);
    // A module begins with the mapping of its ELF header; other mapped files are data. The header's page can be mapped
    // again with what follows it in a small file.
    const bool is_header = std::stoull(offset, nullptr, 16) == 0;
    if (known == by_path.end() && !is_header) {
      continue;
    }
    const auto& file = facts(path, inode);
    if (known == by_path.end() || (is_header && segment.begin.value - modules[known->second].bias >= file.code_end)) {
      if (!file.is_elf) {
        continue;
      }
      known = by_path.insert_or_assign(path, modules.size()).first;
      modules.push_back({{path, file.build_id, {}}, segment.begin.value - file.first_page, {}});
      has_code.push_back(false);
    }
    modules[known->second].segments.push_back(segment);
    has_code[known->second] = has_code[known->second] || permissions.contains('x');
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

std::string local_program_instance(pid_t pid) {
  // Source: proc(5), /proc/pid/auxv; getauxval(3), AT_RANDOM: the address of sixteen bytes.
  std::ifstream auxv(fmt::format("/proc/{}/auxv", pid), std::ios::binary);
  Elf64_auxv_t entry{};
  while (auxv.read(reinterpret_cast<char*>(&entry), sizeof(entry))) {
    if (entry.a_type == AT_RANDOM) {
      LocalMemory memory;
      memory.set_pid(pid);
      std::string bytes(16, '\0');
      const auto got = memory.read({entry.a_un.a_val}, std::as_writable_bytes(std::span(bytes)));
      return got == bytes.size() ? bytes : std::string();
    }
  }
  return {};
}

std::string local_thread_name(pid_t pid, OsThreadId thread) {
  std::ifstream comm(fmt::format("/proc/{}/task/{}/comm", pid, static_cast<std::uint64_t>(thread)));
  std::string name;
  std::getline(comm, name);
  return name;
}

}  // namespace memsnap
