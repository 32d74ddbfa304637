#include "plugin/heap_roots.h"

#include <string>

#include "tests/catch.h"
#include "tests/unit/fake_memory.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kArena = 0x7f0004000000;  // a multiple of 64 MiB

struct FakeProcess {
  test::FakeMemory memory;
  std::vector<MemoryRegion> regions;
  std::vector<ModuleData> module_data;
  std::vector<RootThread> threads;
  std::vector<AddressRange> own;
  std::vector<AddressRange> blocks;
  bool has_unknown_blocks = false;

  void map(std::uint64_t begin, std::uint64_t end, const std::string& name = "", bool is_writable = true) {
    memory.map(begin, end - begin);
    regions.push_back({{{begin}, {end}}, true, is_writable, false, name});
  }

  // As glibc maps a block alone.
  void map_block(std::uint64_t begin, std::uint64_t mapping, std::uint64_t size) {
    memory.put(begin + 8, mapping | 2);
    blocks.push_back({{begin + 16}, {begin + 16 + size}});
  }

  std::vector<AddressRange> roots() {
    const BlockMap map(blocks);
    std::vector<AddressRange> found;
    for (const auto& root : find_root_ranges({memory, regions, module_data, threads, own, map, has_unknown_blocks})) {
      found.push_back(root.range);
    }
    return found;
  }
};

AddressRange range(std::uint64_t begin, std::uint64_t end) { return {{begin}, {end}}; }
using Ranges = std::vector<AddressRange>;

TEST_CASE("a module's variables are roots, and its constants are none", "[unit][heap]") {
  FakeProcess process;
  process.map(0x400000, 0x401000, "/bin/program", false);
  process.map(0x401000, 0x402000, "/bin/program");
  process.map(0x402000, 0x404000);
  process.module_data = {{range(0x401000, 0x404000), false}};
  CHECK(process.roots() == Ranges{range(0x401000, 0x402000), range(0x402000, 0x404000)});
}

TEST_CASE("variables are roots where the heap is one region with them, and the heap is none", "[unit][heap]") {
  FakeProcess process;
  process.map(0x402000, 0x424000, "[heap]");
  process.module_data = {{range(0x401000, 0x404000), true}};
  process.blocks = {range(0x403000, 0x403010), range(0x405000, 0x405100)};
  CHECK(process.roots() == Ranges{range(0x402000, 0x403000), range(0x403010, 0x404000)});
}

TEST_CASE("a thread's data in the heap is a root, up to the blocks around it", "[unit][heap]") {
  FakeProcess process;
  process.map(0x402000, 0x424000, "[heap]");
  process.blocks = {range(0x402100, 0x402200), range(0x403000, 0x403100)};
  process.threads = {{{0x7fff0000}, {0x402700}}};
  CHECK(process.roots() == Ranges{range(0x402200, 0x403000)});
  process.blocks = {range(0x409000, 0x409100)};
  CHECK(process.roots() == Ranges{range(0x402000, 0x403700)});
}

TEST_CASE("a stack is a root from its pointer and the red zone on", "[unit][heap]") {
  FakeProcess process;
  process.map(0x7f0000000000, 0x7f0000800000);
  process.map(0x7ffff0000000, 0x7ffff0020000, "[stack]");
  process.threads = {{{0x7ffff0010000}, {0x1234}}, {{0x7f0000700000}, {0x7f00007ff700}}};
  CHECK(process.roots() ==
        Ranges{range(0x7f0000700000 - 128, 0x7f0000800000), range(0x7ffff0010000 - 128, 0x7ffff0020000)});
}

TEST_CASE("the first stack is known without its name, and one of the program's own making is all root",
          "[unit][heap]") {
  FakeProcess process;
  process.map(0x7f0000000000, 0x7f0000800000);
  process.threads = {{{0x7f0000700000}, {0x1234}}};
  CHECK(process.roots() == Ranges{range(0x7f0000000000, 0x7f0000800000)});
  process.memory.put_bytes(0x7f0000800000 - 12, "./x\0\0\0\0\0\0\0\0", 12);
  CHECK(process.roots() == Ranges{range(0x7f0000700000 - 128, 0x7f0000800000)});
}

TEST_CASE("a stack that glibc keeps of a thread that has ended is no root", "[unit][heap]") {
  constexpr std::uint64_t kData = 0x7f00007ff700;
  FakeProcess process;
  process.map(0x7f0000000000, 0x7f0000800000);
  process.memory.put(kData, kData);
  process.memory.put(kData + 16, kData);
  CHECK(process.roots() == Ranges{range(kData, kData + 16)});  // with what holds its table of thread-local data
  process.memory.put(kData + 0x2d0, 0xffffffff);               // joined
  CHECK(process.roots() == Ranges{range(kData, kData + 16)});
  process.memory.put(kData + 0x2d0, 77);  // a thread that is about to begin
  CHECK(process.roots() == Ranges{range(0x7f0000000000, 0x7f0000800000)});
}

TEST_CASE("memory of the program's own is a root, with and without mapped blocks beside it", "[unit][heap]") {
  FakeProcess process;
  process.map(0x7f0000000000, 0x7f0000100000);
  CHECK(process.roots() == Ranges{range(0x7f0000000000, 0x7f0000100000)});
  process.map_block(0x7f0000010000, 0x21000, 0x20000);
  process.map_block(0x7f0000040000, 0x1000, 100);
  CHECK(process.roots() == Ranges{range(0x7f0000000000, 0x7f0000010000), range(0x7f0000031000, 0x7f0000040000),
                                  range(0x7f0000041000, 0x7f0000100000)});
}

TEST_CASE("what lies between blocks is the allocator's", "[unit][heap]") {
  FakeProcess process;
  process.map(0x7f0000000000, 0x7f0000100000);
  process.blocks = {range(0x7f0000000100, 0x7f0000000120), range(0x7f0000000200, 0x7f0000000220)};
  CHECK(process.roots().empty());
  SECTION("but for a session that does not know all blocks") {
    process.has_unknown_blocks = true;
    CHECK(process.roots() == Ranges{range(0x7f0000000000, 0x7f0000000100), range(0x7f0000000120, 0x7f0000000200),
                                    range(0x7f0000000220, 0x7f0000100000)});
  }
}

TEST_CASE("an arena of glibc's without a live block is no root, and what lies below it is", "[unit][heap]") {
  FakeProcess process;
  process.map(kArena - 0x1000, kArena + 0x21000);
  CHECK(process.roots() == Ranges{range(kArena - 0x1000, kArena + 0x21000)});
  process.memory.put(kArena, kArena + 0x30);
  process.memory.put(kArena + 16, 0x21000);
  process.memory.put(kArena + 24, 0x21000);
  CHECK(process.roots() == Ranges{range(kArena - 0x1000, kArena)});
  process.blocks = {range(kArena + 0x1000, kArena + 0x1010)};
  CHECK(process.roots() == Ranges{range(kArena - 0x1000, kArena)});
}

TEST_CASE("memsnap's own memory, devices and what the kernel shows are no roots", "[unit][heap]") {
  FakeProcess process;
  process.map(0x7f0000000000, 0x7f0000010000);
  process.map(0x7f0000010000, 0x7f0000020000, "[anon:memsnap data]");
  process.map(0x7f0000020000, 0x7f0000030000, "/memfd:memsnap code (deleted)");
  process.map(0x7f0000030000, 0x7f0000040000, "/dev/dri/card0");
  process.map(0x7f0000040000, 0x7f0000050000, "/dev/shm/shared");
  process.map(0x7f0000050000, 0x7f0000060000, "[vvar]");
  process.map(0x7f0000060000, 0x7f0000070000, "/home/memsnap/data");
  process.own = {range(0x7f0000003000, 0x7f0000005000), range(0x7f0000001000, 0x7f0000002000)};
  CHECK(process.roots() == Ranges{range(0x7f0000000000, 0x7f0000001000), range(0x7f0000002000, 0x7f0000003000),
                                  range(0x7f0000005000, 0x7f0000010000), range(0x7f0000040000, 0x7f0000050000),
                                  range(0x7f0000060000, 0x7f0000070000)});
  CHECK(readable_ranges(process.regions).size() == 6);
}

TEST_CASE("memory that the program has made read-only is a root, and a file that was mapped so is none",
          "[unit][heap]") {
  FakeProcess process;
  process.map(0x7f0000000000, 0x7f0000010000, "", false);
  process.map(0x7f0000020000, 0x7f0000030000, "/usr/lib/locale/archive", false);
  CHECK(process.roots() == Ranges{range(0x7f0000000000, 0x7f0000010000)});
}

}  // namespace
}  // namespace memsnap
