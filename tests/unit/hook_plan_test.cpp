#include "core/inject/hook_plan.h"

#include "core/inject/placement.h"
#include "tests/catch.h"
#include "tests/unit/code_bytes.h"
#include "tests/unit/module_code.h"

namespace memsnap {
namespace {

using test::code;
using test::hex;
using test::relative;

constexpr Address kEntry{0x7f0000400000};
constexpr Address kNear{0x7f0040000000};
constexpr Address kSite{0x1122334455667788};
constexpr Address kHook{0x7f8899aabbcc};

// push %rbp; mov %rsp,%rbp; push %rbx; ret
const auto kPlain = code("55 4889e5 53 c3");

HookRequest request_for(std::span<const std::byte> bytes, Address entry = kEntry) {
  return {entry, bytes, bytes.size(), kSite, kHook};
}

NearArea area_at(Address begin, std::uint64_t size = 0x1000) { return NearArea({begin, begin + size}); }

TEST_CASE("a hook is a jump to a stub, and moved code behind the stub", "[unit][inject]") {
  auto area = area_at(kNear);
  const auto plan = plan_hook(request_for(kPlain), area);
  REQUIRE(plan);
  CHECK(plan->entry == kEntry);
  CHECK(hex(plan->original) == "55 48 89 e5 53");
  CHECK(hex(plan->patched) == "e9 " + relative(kEntry + 5, kNear));
  CHECK(plan->stub == kNear);
  CHECK(hex(plan->stub_bytes) == "49 bb " + hex(kSite.value) + " ff 25 00 00 00 00 " + hex(kHook.value));
  CHECK(plan->moved.patch == kEntry);
  CHECK(plan->moved.address == kNear + 32);
  CHECK(hex(plan->moved.bytes) == "55 48 89 e5 53 e9 " + relative(kNear + 42, kEntry + 5));
  CHECK(area.used() == AddressRange{kNear, kNear + 42});
}

TEST_CASE("behind an endbr64 the patch and its original bytes are those behind it", "[unit][inject]") {
  auto area = area_at(kNear);
  const auto bytes = code("f30f1efa 55 4889e5 53 c3");
  const auto plan = plan_hook(request_for(bytes), area);
  REQUIRE(plan);
  CHECK(plan->entry == kEntry);
  CHECK(plan->moved.patch == kEntry + 4);
  CHECK(hex(plan->original) == "55 48 89 e5 53");
  CHECK(hex(plan->patched) == "e9 " + relative(kEntry + 9, kNear));
}

TEST_CASE("putting the original bytes back undoes a hook", "[unit][inject]") {
  auto area = area_at(kNear);
  for (const auto* digits : {"55 4889e5 53 c3", "31c0 c3 9090", "f30f1efa bf01000000 c3", "ff2500200000"}) {
    const auto bytes = code(digits);
    const auto plan = plan_hook(request_for(bytes), area);
    REQUIRE(plan);
    auto memory = bytes;
    const auto patch = memory.begin() + static_cast<std::ptrdiff_t>(plan->moved.patch - plan->entry);
    std::ranges::copy(plan->patched, patch);
    CHECK(memory != bytes);
    std::ranges::copy(plan->original, patch);
    CHECK(memory == bytes);
  }
}

TEST_CASE("a breakpoint needs the first instruction alone", "[unit][inject]") {
  // push %rbp; call, which a jump could not replace; jmp to the second instruction
  const auto bytes = code("55 e800100000 ebf9");
  auto area = area_at(kNear);
  auto request = request_for(bytes);
  CHECK_FALSE(plan_hook(request, area));
  request.way = HookWay::breakpoint;
  const auto plan = plan_hook(request, area);
  REQUIRE(plan);
  CHECK(plan->way == HookWay::breakpoint);
  CHECK(plan->moved.patch == kEntry);
  CHECK(plan->moved.patch_size == 1);
  CHECK(hex(plan->moved.bytes) == "55 e9 " + relative(kNear + 38, kEntry + 1));
  CHECK_FALSE(plan->landing);
}

TEST_CASE("a jump to its landing is the same with a breakpoint in it", "[unit][inject]") {
  for (const auto* digits : {"55 4889e5 53 c3", "f30f1efa 55 4889e5 53 c3"}) {
    const auto bytes = code(digits);
    auto request = request_for(bytes);
    request.landing = breakpoint_proof_landing(patch_address(kEntry, bytes));
    REQUIRE(request.landing);
    auto area = area_at(kNear);
    const auto plan = plan_hook(request, area);
    REQUIRE(plan);
    CHECK(hex(plan->patched) == "e9 cc cc cc cc");
    CHECK(plan->landing == request.landing);
    CHECK(hex(plan->patched).substr(3) == relative(plan->moved.patch + 5, *plan->landing));
    CHECK(hex(plan->landing_bytes) == "e9 " + relative(*plan->landing + 5, plan->stub));
  }
  CHECK_FALSE(breakpoint_proof_landing({0x400000}));
  CHECK(breakpoint_proof_landing({0x33333334}) == Address{5});
}

TEST_CASE("a landing that is out of the stub's reach is refused", "[unit][inject]") {
  auto request = request_for(kPlain);
  request.landing = breakpoint_proof_landing(kEntry);
  auto area = area_at(kEntry + 0x60000000);
  CHECK(plan_hook(request, area).error().message == "the area for its stub is out of reach");
}

TEST_CASE("hooks share an area until it is full", "[unit][inject]") {
  auto area = area_at(kNear, 48 + 42);
  const auto first = plan_hook(request_for(kPlain), area);
  const auto second = plan_hook(request_for(kPlain, kEntry + 0x100), area);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(second->stub == kNear + 48);
  CHECK(area.used().end == area.range().end);
  const auto third = plan_hook(request_for(kPlain, kEntry + 0x200), area);
  REQUIRE_FALSE(third);
  CHECK(third.error().code == Code::unsupported);
  CHECK(third.error().message == "the area for its stub is full");
  CHECK(third.error().address == kEntry + 0x200);
}

TEST_CASE("a hook that does not fit leaves the area as it was", "[unit][inject]") {
  for (const auto size : {0U, 8U, 24U, 41U}) {
    auto area = area_at(kNear, size);
    CHECK_FALSE(plan_hook(request_for(kPlain), area));
    CHECK(area.next() == kNear);
  }
  auto area = area_at(kNear);
  const auto too_short = code("c3");
  const auto refused = plan_hook(request_for(too_short), area);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "too short to be patched");
  CHECK(area.next() == kNear);
}

TEST_CASE("an area out of a jump's reach is refused, in both directions", "[unit][inject]") {
  constexpr std::uint64_t kTwoGiB = std::uint64_t{1} << 31;
  const auto can_hook_from = [](Address stub) {
    auto area = area_at(stub);
    return plan_hook(request_for(kPlain), area).has_value();
  };
  CHECK(can_hook_from(kEntry + kTwoGiB - 0x100));
  CHECK_FALSE(can_hook_from(kEntry + kTwoGiB + 0x10));
  CHECK(can_hook_from(kEntry - kTwoGiB + 0x10));
  CHECK_FALSE(can_hook_from(kEntry - kTwoGiB - 0x100));
  auto area = area_at(kEntry + 2 * kTwoGiB);
  CHECK(plan_hook(request_for(kPlain), area).error().message == "the area for its stub is out of reach");
}

TEST_CASE("every entry point of the allocators installed can be hooked", "[unit][inject]") {
  struct Library {
    std::vector<std::string> paths;
    std::size_t entry_points;  // at least
  };
  const std::string debian = "/usr/lib/x86_64-linux-gnu/";
  const auto library = GENERATE_COPY(values<Library>({
      {{debian + "libc.so.6", "/lib64/libc.so.6"}, 9},
      {{debian + "libjemalloc.so.2", "/lib64/libjemalloc.so.2"}, 20},
      {{debian + "libtcmalloc_minimal.so.4", "/lib64/libtcmalloc_minimal.so.4"}, 15},
      {{debian + "libmimalloc.so.2", "/lib64/libmimalloc.so.2"}, 20},
      {{"/lib/ld-musl-x86_64.so.1", "/usr/lib/x86_64-linux-musl/libc.so"}, 8},
  }));
  std::optional<test::ModuleCode> module;
  for (const auto& path : library.paths) {
    module = module ? std::move(module) : test::ModuleCode::open(path);
  }
  if (!module) {
    WARN("skipped: no " << library.paths.front());
    return;
  }
  constexpr std::uint64_t kBias = 0x7f0000000000;
  NearArea area({{kBias - 0x10000000}, {kBias - 0x10000000 + 0x10000}});
  const auto entry_points = module->entry_points();
  CHECK(entry_points.size() >= library.entry_points);
  for (const auto& entry : entry_points) {
    CAPTURE(library.paths.front(), entry.spec.name, entry.offset, entry.size);
    const auto bytes = module->code_at(entry.offset);
    const auto plan = plan_hook({{kBias + entry.offset}, bytes, entry.size, kSite, kHook}, area);
    const auto reason = plan ? "" : plan.error().message;
    CHECK(reason.empty());
  }
}

}  // namespace
}  // namespace memsnap
