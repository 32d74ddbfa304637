#include "plugin/local_process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "core/elf/elf_file.h"
#include "tests/catch.h"
#include "tests/unit/elf_builder.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

// A pid that no process has.
constexpr pid_t kNobody = 0x7ffffffe;

std::uint64_t value(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

Address address_of(const void* pointer) { return {value(pointer)}; }

// Where the dynamic loader says that the module with this code is.
struct LoadedModule {
  explicit LoadedModule(const void* code) {
    Dl_info info{};
    link_map* map = nullptr;
    REQUIRE(dladdr1(code, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0);
    bias = map->l_addr;
    path = *map->l_name == '\0' ? std::filesystem::read_symlink("/proc/self/exe")
                                : std::filesystem::canonical(map->l_name);
  }
  std::uint64_t bias = 0;
  std::string path;
};

const MappedModule* find(const std::vector<MappedModule>& modules, const std::string& path) {
  const auto found = std::ranges::find_if(modules, [&](const auto& each) { return each.module.path == path; });
  return found == modules.end() ? nullptr : &*found;
}

void a_function_of_ours() {}

TEST_CASE("a process's modules are its executable and libraries, with their biases", "[unit]") {
  LocalModules reader;
  const auto modules = reader.read(getpid());
  const auto* ours = reinterpret_cast<const void*>(&a_function_of_ours);
  const auto* theirs = dlsym(RTLD_DEFAULT, "qsort");
  for (const auto* code : {ours, theirs}) {
    const LoadedModule expected(code);
    const auto* module = find(modules, expected.path);
    REQUIRE(module != nullptr);
    CHECK(module->bias == expected.bias);
    CHECK(module->module.build_id == ElfFile::open(expected.path)->build_id());
    CHECK(module->module.debug_file.empty());
    CHECK(std::ranges::is_sorted(module->segments));
    CHECK(std::ranges::count_if(module->segments,
                                [&](const auto& segment) { return segment.contains(address_of(code)); }) == 1);
  }
  CHECK(std::ranges::all_of(modules, [](const auto& each) { return each.module.path.starts_with('/'); }));
}

TEST_CASE("modules are the same at the next look", "[unit]") {
  LocalModules reader;
  const auto list = [&reader] {
    std::vector<std::pair<std::string, std::uint64_t>> modules;
    for (const auto& each : reader.read(getpid())) {
      modules.emplace_back(each.module.path + each.module.build_id, each.bias);
    }
    return modules;
  };
  CHECK(list() == list());
}

// A file mapped into this process from its first byte on.
class MappedFile {
 public:
  MappedFile(const std::string& bytes, int protection)
      : path_(folder_.write("mapped", bytes)), size_(bytes.size()), file_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    REQUIRE(file_ >= 0);
    mapped_ = mmap(nullptr, size_, protection, MAP_PRIVATE, file_, 0);
    REQUIRE(mapped_ != MAP_FAILED);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    munmap(mapped_, size_);
    close(file_);
  }
  const std::string& path() const { return path_; }
  std::uint64_t begin() const { return value(mapped_); }

 private:
  test::TemporaryFolder folder_;
  std::string path_;
  std::size_t size_;
  int file_;
  void* mapped_ = nullptr;
};

TEST_CASE("a module's bias counts from the file's own first page", "[unit]") {
  test::ElfBuilder builder;
  builder.text(0x20, 0x402000);
  const MappedFile file(builder.build(), PROT_READ | PROT_EXEC);
  LocalModules reader;
  const auto modules = reader.read(getpid());
  const auto* module = find(modules, file.path());
  REQUIRE(module != nullptr);
  CHECK(module->bias == file.begin() - 0x402000);
}

TEST_CASE("a mapped file that is no ELF file is no module", "[unit]") {
  const MappedFile file(std::string(100, 'x'), PROT_READ);
  LocalModules reader;
  CHECK(find(reader.read(getpid()), file.path()) == nullptr);
}

TEST_CASE("a library that is mapped to be read as well is where its code is", "[unit]") {
  const auto* code = dlsym(RTLD_DEFAULT, "qsort");
  const LoadedModule expected(code);
  const auto file = open(expected.path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  const auto size = std::filesystem::file_size(expected.path);
  auto* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  REQUIRE(mapped != MAP_FAILED);
  LocalModules reader;
  const auto modules = reader.read(getpid());
  const auto* module = find(modules, expected.path);
  REQUIRE(module != nullptr);
  CHECK(module->bias == expected.bias);
  CHECK(std::ranges::none_of(module->segments,
                             [&](const auto& segment) { return segment.contains(address_of(mapped)); }));
  munmap(mapped, size);
  close(file);
}

TEST_CASE("a process that cannot be looked at has no modules, no instance and no thread names", "[unit]") {
  LocalModules reader;
  CHECK(reader.read(kNobody).empty());
  CHECK(local_program_instance(kNobody).empty());
  CHECK(local_thread_name(kNobody, OsThreadId{kNobody}).empty());
}

TEST_CASE("memory of a process is read where it is mapped, and up to where that ends", "[unit]") {
  LocalMemory memory;
  std::array<unsigned char, 300> data{};
  std::iota(data.begin(), data.end(), static_cast<unsigned char>(1));
  std::array<unsigned char, 300> copy{};
  const auto into = std::as_writable_bytes(std::span(copy));
  CHECK(memory.read(address_of(data.data()), into) == 0);  // of no process yet
  memory.set_pid(getpid());
  CHECK(memory.read(address_of(data.data()), into) == copy.size());
  CHECK(copy == data);
  CHECK(memory.read(address_of(data.data()), {}) == 0);
  CHECK(memory.read({0}, into) == 0);
  CHECK(memory.read({~std::uint64_t{0}}, into) == 0);

  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* pages = static_cast<char*>(mmap(nullptr, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(pages != MAP_FAILED);
  REQUIRE(mprotect(pages + page, page, PROT_NONE) == 0);
  CHECK(memory.read(address_of(pages + page - 100), into) == 100);
  munmap(pages, 2 * page);
}

TEST_CASE("memory of a process is written where it could write itself, and up to where that ends", "[unit]") {
  LocalMemory memory;
  std::array<unsigned char, 300> data{};
  std::iota(data.begin(), data.end(), static_cast<unsigned char>(1));
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* pages = static_cast<char*>(mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(pages != MAP_FAILED);
  REQUIRE(mprotect(pages + page, page, PROT_READ | PROT_EXEC) == 0);
  const auto bytes = std::as_bytes(std::span(data));
  CHECK(memory.write(address_of(pages), bytes) == 0);  // of no process yet
  memory.set_pid(getpid());
  CHECK(memory.write(address_of(pages), bytes) == data.size());
  CHECK(std::memcmp(pages, data.data(), data.size()) == 0);
  CHECK(memory.write(address_of(pages + page - 100), bytes) == 100);
  CHECK(memory.write(address_of(pages + page), bytes) == 0);
  CHECK(memory.write(address_of(pages), {}) == 0);
  munmap(pages, 2 * page);
}

TEST_CASE("what is mapped is listed in order, with what may be done there", "[unit]") {
  const auto mappings = local_mappings(getpid());
  CHECK(std::ranges::is_sorted(mappings, {}, &Mapping::range));
  const auto at = [&mappings](const void* pointer) {
    return std::ranges::find_if(mappings,
                                [pointer](const Mapping& each) { return each.range.contains(address_of(pointer)); });
  };
  const auto code = at(reinterpret_cast<const void*>(&a_function_of_ours));
  REQUIRE(code != mappings.end());
  CHECK(code->is_executable());
  CHECK_FALSE(code->is_writable());
  CHECK(code->path == std::filesystem::read_symlink("/proc/self/exe"));
  CHECK(code->inode != "0");
  int local = 0;
  const auto stack = at(&local);
  REQUIRE(stack != mappings.end());
  CHECK(stack->is_writable());
  CHECK(stack->inode == "0");
  CHECK(local_mappings(kNobody).empty());
}

TEST_CASE("code that the process can write is known from the last look at its modules", "[unit]") {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* pages =
      static_cast<char*>(mmap(nullptr, page, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(pages != MAP_FAILED);
  const AddressRange inside{address_of(pages + 8), address_of(pages + 16)};
  LocalModules reader;
  CHECK_FALSE(reader.is_writable_code(inside));
  reader.read(getpid());
  CHECK(reader.is_writable_code(inside));
  CHECK_FALSE(reader.is_writable_code({address_of(pages + page), address_of(pages + page + 8)}));
  munmap(pages, page);
  reader.read(getpid());
  CHECK_FALSE(reader.is_writable_code(inside));
}

TEST_CASE("threads that have not exited are listed", "[unit]") {
  const auto ours = local_threads(getpid());
  CHECK(std::ranges::count(ours, OsThreadId{static_cast<std::uint64_t>(gettid())}) == 1);
  CHECK(local_threads(kNobody).empty());
  const auto child = fork();
  if (child == 0) {
    _exit(0);
  }
  siginfo_t ended{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0);
  CHECK(local_threads(child).empty());
  waitpid(child, nullptr, 0);
}

TEST_CASE("code can be put into this process, and not into one that is not there", "[unit]") {
  CHECK(local_injection_obstacle(getpid()).empty());
  CHECK_FALSE(local_injection_obstacle(kNobody).empty());
}

TEST_CASE("a forked child is the same instance of the program", "[unit]") {
  const auto ours = local_program_instance(getpid());
  CHECK(ours.size() == 16);
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const auto child = fork();
  if (child == 0) {
    close(ends[1]);
    char byte = 0;
    static_cast<void>(read(ends[0], &byte, 1));
    _exit(0);
  }
  REQUIRE(child > 0);
  close(ends[0]);
  CHECK(local_program_instance(child) == ours);
  close(ends[1]);
  waitpid(child, nullptr, 0);
}

TEST_CASE("a program that was run anew is another instance", "[unit]") {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  REQUIRE(pipe2(in.data(), O_CLOEXEC) == 0);
  REQUIRE(pipe2(out.data(), O_CLOEXEC) == 0);
  const auto child = fork();
  if (child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    execl("/bin/cat", "cat", static_cast<char*>(nullptr));
    _exit(1);
  }
  REQUIRE(child > 0);
  // What it says back shows that it runs.
  char byte = 'x';
  REQUIRE(::write(in[1], &byte, 1) == 1);
  REQUIRE(::read(out[0], &byte, 1) == 1);
  const auto theirs = local_program_instance(child);
  CHECK(theirs.size() == 16);
  CHECK(theirs != local_program_instance(getpid()));
  for (const auto end : {in[0], in[1], out[0], out[1]}) {
    close(end);
  }
  waitpid(child, nullptr, 0);
}

// Our own memory as a debugger would read it, with another byte where `changes` is set.
struct Shown final : MemoryReader {
  std::size_t read(Address address, std::span<std::byte> into) override {
    LocalMemory memory;
    memory.set_pid(getpid());
    const auto got = memory.read(address, into);
    if (changes && got > 0) {
      into.front() ^= std::byte{1};
    }
    return got;
  }
  bool changes = false;
};

TEST_CASE("a process is of this machine where a debugger reads the same of it", "[unit]") {
  Shown shown;
  CHECK(is_local_process(getpid(), shown));
  CHECK_FALSE(is_local_process(kNobody, shown));
  shown.changes = true;
  CHECK_FALSE(is_local_process(getpid(), shown));
}

TEST_CASE("the kernel names a process' parent, and no tracer where it has none", "[unit]") {
  CHECK(local_relative(getpid(), "PPid") == getppid());
  CHECK(local_relative(kNobody, "PPid") == 0);
  CHECK(local_relative(getpid(), "Pid") == getpid());
}

TEST_CASE("signals wait for a thread until it gets them, and those that it blocks do not", "[unit]") {
  const auto child = fork();
  if (child == 0) {
    raise(SIGSTOP);
    _exit(0);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, WUNTRACED) == child);
  const OsThreadId thread{static_cast<std::uint64_t>(child)};
  CHECK(local_waiting_signals(thread) == 0);
  REQUIRE(kill(child, SIGUSR1) == 0);
  CHECK(local_waiting_signals(thread) == std::uint64_t{1} << (SIGUSR1 - 1));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_CASE("a thread's name is the operating system's", "[unit]") {
  std::array<char, 16> before{};
  REQUIRE(pthread_getname_np(pthread_self(), before.data(), before.size()) == 0);
  REQUIRE(pthread_setname_np(pthread_self(), "with a blank") == 0);
  CHECK(local_thread_name(getpid(), OsThreadId{static_cast<std::uint64_t>(gettid())}) == "with a blank");
  pthread_setname_np(pthread_self(), before.data());
  CHECK(local_thread_name(getpid(), OsThreadId{kNobody}).empty());
}

}  // namespace
}  // namespace memsnap
