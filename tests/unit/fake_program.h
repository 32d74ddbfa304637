#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "plugin/debugger.h"
#include "tests/catch.h"
#include "tests/unit/cfi_builder.h"
#include "tests/unit/elf_builder.h"

namespace memsnap::test {

/// A folder for a test's files.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "memsnap-unit-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = std::filesystem::canonical(pattern);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string write(const std::string& name, const std::string& bytes) const {
    const auto path = path_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

 private:
  std::filesystem::path path_;
};

/// A program and its libraries, as ELF files with functions of 0x100 bytes. A frame of a function is its return address
/// alone, but for `roomy`'s, which has 0x40 bytes below that.
class FakeProgram {
 public:
  static constexpr std::uint64_t kSize = 0x100;  ///< of a function
  static constexpr std::uint64_t kLocals = 0x40;

  enum Program : std::uint64_t {
    main = 0x10001000,
    grow = 0x10001100,
    leak = 0x10001200,
    roomy = 0x10001300,
    uncovered = 0x10001400,  // without unwind information
  };
  enum Libc : std::uint64_t {
    malloc = 0x20001000,
    free = 0x20001100,
    calloc = 0x20001200,
    realloc = 0x20001300,
    reallocarray = 0x20001400,
    posix_memalign = 0x20001500,
    aligned_alloc = 0x20001600,
    thread_exit = 0x20001700,
    strdup = 0x20001800,
  };
  enum Libstdcxx : std::uint64_t { pass_on_new = 0x30001000, pass_on_delete = 0x30001100 };
  enum Pool : std::uint64_t { pool_new = 0x40001000, pool_delete = 0x40001100 };

  /// A return address in the middle of a function.
  static constexpr std::uint64_t in(std::uint64_t function, std::uint64_t by = 0x10) { return function + by; }

  FakeProgram() {
    program = module("program", "\x01", 0x10000000,
                     {{"main", main}, {"_Z4growv", grow}, {"_Z4leakv", leak}, {"_Z5roomyv", roomy}});
    libc = module("libc.so.6", "\x02", 0x20000000,
                  {{"malloc", malloc},
                   {"free", free},
                   {"calloc", calloc},
                   {"realloc", realloc},
                   {"reallocarray", reallocarray},
                   {"posix_memalign", posix_memalign},
                   {"aligned_alloc", aligned_alloc},
                   {"__libc_thread_freeres", thread_exit},
                   {"strdup", strdup}});
    libstdcxx = module("libstdc++.so.6", "\x03", 0x30000000, {{"_Znwm", pass_on_new}, {"_ZdlPv", pass_on_delete}});
    pool = module("libpool.so", "\x04", 0x40000000, {{"_Znwm", pool_new}, {"_ZdlPv", pool_delete}});
  }

  std::vector<MappedModule> all() const { return {program, libc, libstdcxx, pool}; }

  /// The same module somewhere else.
  static MappedModule moved(MappedModule module, std::uint64_t by) {
    module.bias += by;
    for (auto& segment : module.segments) {
      segment = {segment.begin + by, segment.end + by};
    }
    return module;
  }

  TemporaryFolder folder;
  MappedModule program;
  MappedModule libc;
  MappedModule libstdcxx;
  MappedModule pool;  ///< its operators are allocators of their own

 private:
  MappedModule module(const std::string& name, const std::string& id, std::uint64_t bias,
                      const std::vector<std::pair<std::string, std::uint64_t>>& functions) const {
    constexpr std::uint64_t kCfi = 0x800;
    constexpr std::uint64_t kEnd = 0x2000;
    ElfBuilder builder;
    builder.text(kEnd - ElfBuilder::kText);
    builder.build_id(id);
    CfiBuilder cfi(kCfi);
    cfi.cie();
    for (const auto& [symbol, address] : functions) {
      builder.symbol(symbol, address - bias, kSize);
      // DW_CFA_def_cfa_offset
      cfi.fde(address - bias, kSize, address == roomy ? bytes_of({0x0e, kLocals + 8}) : std::string());
    }
    cfi.terminate();
    builder.section(".eh_frame", SHT_PROGBITS, SHF_ALLOC, kCfi, cfi.bytes);
    const auto number = "0" + std::to_string(static_cast<int>(id.front()));
    return {{folder.write(name, builder.build()), number, {}}, bias, {{{bias}, {bias + kEnd}}}};
  }
};

}  // namespace memsnap::test
