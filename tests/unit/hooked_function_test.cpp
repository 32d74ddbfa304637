// Hooks functions of this very process.

#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "core/inject/hook_plan.h"
#include "core/module.h"
#include "core/recorder/layout.h"
#include "tests/catch.h"
#include "tests/unit/module_code.h"
#include "tests/unit/own_pages.h"

// What stubs jump to: counts its calls in Site::control.
extern "C" [[gnu::visibility("hidden")]] void memsnap_test_count();
asm(R"(
  .pushsection .text
  .globl memsnap_test_count
  .hidden memsnap_test_count
memsnap_test_count:
  lock incq 8(%r11)
  jmp *(%r11)
  .popsection
)");

// A function to be hooked, on a page of its own: it begins with an operand relative to the program counter.
extern "C" {
[[gnu::visibility("hidden")]] int memsnap_test_total = 0;
[[gnu::visibility("hidden"), gnu::noinline, gnu::aligned(4096)]] int memsnap_test_hooked(int amount);
int memsnap_test_hooked(int amount) {
  memsnap_test_total += amount;
  return memsnap_test_total < 0 ? -memsnap_test_total : memsnap_test_total;
}
}

namespace memsnap {
namespace {

using namespace test;

static_assert(offsetof(layout::Site, original) == 0 && offsetof(layout::Site, control) == 8);

// Puts a hook in for its lifetime, and counts its calls.
class Hook {
 public:
  Hook(Address entry, std::span<const std::byte> code, std::uint64_t size, NearArea& area) {
    const auto plan = plan_hook({entry, code, size, address_of(&site_), address_of(&memsnap_test_count)}, area);
    REQUIRE(plan);
    plan_ = *plan;
    site_.original = plan_.moved.address.value;
    write(plan_.stub, plan_.stub_bytes);
    write(plan_.moved.address, plan_.moved.bytes);
    put(plan_.patched);
  }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;
  ~Hook() { put(plan_.original); }

  std::uint64_t calls() const { return site_.control; }

 private:
  void put(std::span<const std::byte> bytes) const {
    constexpr std::uint64_t kPage = 4096;
    const Address first{plan_.moved.patch.value & ~(kPage - 1)};
    const auto size = plan_.moved.patch - first + bytes.size();
    if (mprotect(at(first), size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
      std::abort();
    }
    write(plan_.moved.patch, bytes);
    mprotect(at(first), size, PROT_READ | PROT_EXEC);
  }

  layout::Site site_{};
  HookPlan plan_;
};

struct Loaded {
  std::string path;
  Address bias;
};

Loaded find_loaded(std::string_view file_name) {
  std::pair<std::string_view, Loaded> search{file_name, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& [wanted, found] = *static_cast<std::pair<std::string_view, Loaded>*>(data);
        if (base_name(info->dlpi_name) == wanted) {
          found = {info->dlpi_name, {info->dlpi_addr}};
        }
        return 0;
      },
      &search);
  return search.second;
}

TEST_CASE("a function of this process is hooked and let go again", "[unit][inject]") {
  const auto module = ModuleCode::open("/proc/self/exe");
  REQUIRE(module);
  const auto symbol = module->function("memsnap_test_hooked");
  REQUIRE(symbol);
  const auto entry = address_of(&memsnap_test_hooked);
  const std::vector<std::byte> before(at(entry), at(entry) + symbol->size);
  const Pages pages(0x1000, entry + 0x10000000);
  NearArea area({pages.begin(), pages.end()});

  memsnap_test_total = 0;
  {
    const Hook hook(entry, module->code_at(symbol->value), symbol->size, area);
    CHECK(memsnap_test_hooked(3) == 3);
    CHECK(memsnap_test_hooked(-5) == 2);
    CHECK(hook.calls() == 2);
  }
  CHECK(memsnap_test_hooked(10) == 8);
  CHECK(std::ranges::equal(before, std::span(at(entry), before.size())));
}

TEST_CASE("the C library's allocator works with every entry point hooked", "[unit][inject]") {
  const auto [path, bias] = find_loaded("libc.so.6");
  REQUIRE_FALSE(path.empty());
  const auto module = ModuleCode::open(path);
  REQUIRE(module);
  const auto entry_points = module->entry_points();
  const Pages pages(0x10000, bias - 0x10000000);
  NearArea area({pages.begin(), pages.end()});

  std::map<std::string_view, Address> entries;
  std::map<std::string_view, std::unique_ptr<Hook>> hooks;
  for (const auto& entry : entry_points) {
    entries.emplace(entry.spec.name, bias + entry.offset);
  }
  // Not by name: a sanitizer's own allocator may have taken the names.
  const auto call = [&]<typename F>(std::string_view function, F*) {
    return reinterpret_cast<F*>(entries.at(function).value);
  };
  const auto do_malloc = call("malloc", static_cast<void* (*)(std::size_t)>(nullptr));
  const auto do_calloc = call("calloc", static_cast<void* (*)(std::size_t, std::size_t)>(nullptr));
  const auto do_realloc = call("realloc", static_cast<void* (*)(void*, std::size_t)>(nullptr));
  const auto do_memalign = call("memalign", static_cast<void* (*)(std::size_t, std::size_t)>(nullptr));
  const auto do_posix_memalign =
      call("posix_memalign", static_cast<int (*)(void**, std::size_t, std::size_t)>(nullptr));
  const auto do_free = call("free", static_cast<void (*)(void*)>(nullptr));

  for (const auto& entry : entry_points) {
    CAPTURE(entry.spec.name);
    hooks.emplace(entry.spec.name,
                  std::make_unique<Hook>(bias + entry.offset, module->code_at(entry.offset), entry.size, area));
  }
  constexpr std::size_t kRounds = 1000;
  bool all_right = true;
  for (std::size_t i = 1; i <= kRounds; ++i) {
    auto* plain = static_cast<unsigned char*>(do_malloc(i));
    auto* zeroes = static_cast<unsigned char*>(do_calloc(i, 3));
    auto* aligned = do_memalign(64, i);
    void* more = nullptr;
    all_right = all_right && do_posix_memalign(&more, 4096, i) == 0;
    std::memset(plain, 0x11, i);
    all_right = all_right && std::ranges::all_of(std::span(zeroes, 3 * i), [](auto byte) { return byte == 0; });
    plain = static_cast<unsigned char*>(do_realloc(plain, 50 * i));
    all_right = all_right && std::ranges::all_of(std::span(plain, i), [](auto byte) { return byte == 0x11; });
    all_right = all_right && address_of(aligned).value % 64 == 0 && address_of(more).value % 4096 == 0;
    for (auto* block :
         {static_cast<void*>(plain), static_cast<void*>(zeroes), aligned, more, static_cast<void*>(nullptr)}) {
      do_free(block);
    }
  }
  CHECK(all_right);
  for (const auto* function : {"malloc", "calloc", "realloc", "memalign", "posix_memalign"}) {
    CAPTURE(function);
    CHECK(hooks.at(function)->calls() >= kRounds);
  }
  CHECK(hooks.at("free")->calls() >= 5 * kRounds);
  hooks.clear();
  for (const auto& entry : entry_points) {
    const auto bytes = module->code_at(entry.offset);
    CHECK(std::ranges::equal(bytes, std::span(at(bias + entry.offset), bytes.size())));
  }
}

}  // namespace
}  // namespace memsnap
