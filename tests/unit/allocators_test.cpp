#include "plugin/allocators.h"

#include <set>

#include "tests/catch.h"
#include "tests/unit/elf_builder.h"

namespace memsnap {
namespace {

using test::ElfBuilder;

// Symbols in .text of an ELF file of 0x1000 bytes there.
class File {
 public:
  File() { builder_.text(0x1000); }
  File& global(const std::string& name, std::uint64_t at, std::uint64_t size = 0x10) { return add(name, at, size); }
  File& weak(const std::string& name, std::uint64_t at) { return add(name, at, 0x10, STB_WEAK); }
  File& local(const std::string& name, std::uint64_t at) { return add(name, at, 0x10, STB_LOCAL); }
  File& data(const std::string& name, std::uint64_t at) { return add(name, at, 0x10, STB_GLOBAL, STT_OBJECT); }

  ElfFile open() {
    auto file = ElfFile::from_bytes(builder_.build());
    REQUIRE(file.has_value());
    return std::move(*file);
  }
  ModuleEntryPoints found(std::string_view path = "/app/program") { return find_entry_points(open(), path, nullptr); }

 private:
  File& add(const std::string& name, std::uint64_t at, std::uint64_t size, int binding = STB_GLOBAL,
            int type = STT_FUNC) {
    builder_.symbol(name, at, size, binding, type);
    return *this;
  }
  ElfBuilder builder_;
};

std::vector<std::string> names(const ModuleEntryPoints& found) {
  std::vector<std::string> names;
  for (const auto& entry : found.entry_points) {
    names.push_back(std::string(entry.spec.domain) + " " + std::string(entry.spec.name));
  }
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("a file without an allocator has no entry points", "[unit]") {
  const auto found = File().global("main", 0x1000).global("my_malloc", 0x1010).global("mallocate", 0x1020).found();
  CHECK(found.entry_points.empty());
  CHECK(found.operator_new.empty());
}

TEST_CASE("entry points are found by name, ascending, with what their arguments are", "[unit]") {
  const auto found = File()
                         .global("realloc", 0x1030)
                         .weak("malloc", 0x1000)
                         .global("posix_memalign", 0x1040, 0x20)
                         .global("free", 0x1010)
                         .global("calloc", 0x1020)
                         .found();
  CHECK(names(found) ==
        Names{"malloc malloc", "malloc free", "malloc calloc", "malloc realloc", "malloc posix_memalign"});
  const auto& memalign = found.entry_points.back();
  CHECK(memalign.offset == 0x1040);
  CHECK(memalign.size == 0x20);
  CHECK(memalign.spec.kind == CallKind::allocate_out);
  CHECK(memalign.spec.pointer == 0);
  CHECK(memalign.spec.size == 2);
  CHECK(memalign.spec.count == -1);
  const auto& calloc = found.entry_points[2];
  CHECK(calloc.spec.kind == CallKind::allocate);
  CHECK(calloc.spec.size == 0);
  CHECK(calloc.spec.count == 1);
}

TEST_CASE("a variable called malloc is no entry point", "[unit]") {
  CHECK(File().data("malloc", 0x1000).found().entry_points.empty());
}

TEST_CASE("a local function with a plain name is somebody else's, one with a prefix is not", "[unit]") {
  const auto found = File()
                         .local("malloc", 0x1000)
                         .local("_Znwm", 0x1010)
                         .local("mallocx", 0x1020)
                         .local("je_malloc", 0x1030)
                         .local("_rjem_free", 0x1040)
                         .local("_rjem_sdallocx", 0x1050)
                         .local("tc_calloc", 0x1060)
                         .local("mi_realloc", 0x1070)
                         .found();
  CHECK(names(found) == Names{"jemalloc je_malloc", "jemalloc _rjem_free", "jemalloc _rjem_sdallocx",
                              "tcmalloc tc_calloc", "mimalloc mi_realloc"});
}

TEST_CASE("a program with a C library in it has that one's local functions too", "[unit]") {
  File file;
  file.local("malloc", 0x1000).local("free", 0x1010).global("free", 0x1020).local("__libc_setup_tls", 0x1030);
  const auto found = file.found();
  CHECK(found.c_library == CLibrary::gnu);
  CHECK(names(found) == Names{"malloc malloc", "malloc free"});
  CHECK(found.entry_points[1].offset == 0x1020);
}

TEST_CASE("a glibc in which a program cannot have malloc call its own functions is told from older ones", "[unit]") {
  const auto is_glibc = [](const char* library, const char* fork) {
    return File().global("malloc", 0x1000).global(library, 0x1010).global(fork, 0x1020).found().is_glibc;
  };
  CHECK(is_glibc("gnu_get_libc_version", "_Fork"));
  CHECK_FALSE(is_glibc("gnu_get_libc_version", "fork"));  // 2.33 and older
  CHECK_FALSE(is_glibc("__libc_setup_tls", "_Fork"));     // linked in: malloc may be any
  CHECK_FALSE(is_glibc("__init_tp", "_Fork"));            // musl
  CHECK_FALSE(is_glibc("main", "_Fork"));
}

TEST_CASE("an address with several names is one entry point, by the plainest", "[unit]") {
  const auto found =
      File().global("je_malloc", 0x1000, 0x30).global("malloc", 0x1000, 0x20).global("tc_malloc", 0x1000).found();
  CHECK(names(found) == Names{"malloc malloc"});
  CHECK(found.entry_points[0].size == 0x20);
}

TEST_CASE("a dynamic loader's own malloc is left out", "[unit]") {
  File file;
  file.global("malloc", 0x1000).global("free", 0x1010);
  CHECK(file.found("/lib64/ld-linux-x86-64.so.2").entry_points.empty());
  CHECK(names(file.found("/lib/x86_64-linux-gnu/libc.so.6")) == Names{"malloc malloc", "malloc free"});
}

TEST_CASE("musl's libc, which is its loader too, is not left out", "[unit]") {
  CHECK(names(File().global("malloc", 0x1000).found("/lib/ld-musl-x86_64.so.1")) == Names{"malloc malloc"});
}

TEST_CASE("the C++ library's operators pass on to malloc", "[unit]") {
  const std::string path =
      GENERATE("/usr/lib/libstdc++.so.6", "/usr/lib/libstdc++.so.6.0.33", "/x/libc++.so.1", "/x/libc++abi.so.1.0");
  const auto found = File()
                         .global("_Znam", 0x1020)
                         .weak("_Znwm", 0x1000)
                         .global("_ZnwmSt11align_val_t", 0x1040, 0x20)
                         .global("_ZdlPv", 0x1060)
                         .global("malloc", 0x1080)
                         .found(path);
  CHECK(names(found) == Names{"malloc malloc"});
  CHECK(found.operator_new ==
        std::vector<AddressRange>{{{0x1000}, {0x1010}}, {{0x1020}, {0x1030}}, {{0x1040}, {0x1060}}});
}

TEST_CASE("a program's own operators are entry points", "[unit]") {
  const auto found =
      File().global("_Znwm", 0x1000).global("_ZdaPvm", 0x1010).global("_ZnamRKSt9nothrow_t", 0x1020).found();
  CHECK(names(found) == Names{"new _Znwm", "new _ZdaPvm", "new _ZnamRKSt9nothrow_t"});
  CHECK(found.operator_new.empty());
  CHECK(found.entry_points[0].spec.kind == CallKind::allocate);
  CHECK(found.entry_points[1].spec.kind == CallKind::free);
}

TEST_CASE("a stripped file's entry points are those of its debug file too", "[unit]") {
  const auto stripped = File().global("malloc", 0x1000).open();
  const auto debug = File().global("malloc", 0x1000).local("je_calloc", 0x1010).open();
  CHECK(names(find_entry_points(stripped, "/app/program", &debug)) == Names{"malloc malloc", "jemalloc je_calloc"});
}

TEST_CASE("operators new are told by their mangled names", "[unit]") {
  CHECK(is_operator_new("_Znwm"));
  CHECK(is_operator_new("_ZnamSt11align_val_t"));
  CHECK_FALSE(is_operator_new("_ZdlPv"));
  CHECK_FALSE(is_operator_new("malloc"));
}

TEST_CASE("each entry point known says where its arguments are", "[unit]") {
  std::set<std::string_view> all;
  for (const auto& spec : known_entry_points()) {
    CAPTURE(spec.name);
    CHECK(all.insert(spec.name).second);
    CHECK_FALSE(spec.domain.empty());
    const bool takes = spec.kind != CallKind::allocate;
    const bool gives = spec.kind != CallKind::free;
    CHECK((spec.pointer >= 0) == takes);
    CHECK((spec.size >= 0) == gives);
    CHECK((spec.count < 0 || spec.count != spec.size));
  }
}

}  // namespace
}  // namespace memsnap
