#include "core/inject/placement.h"

#include <vector>

#include "tests/catch.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr Address kBase{0x7f0000000000};

AddressRange range(Address begin, std::uint64_t size) { return {begin, begin + size}; }

using Mapped = std::vector<AddressRange>;

TEST_CASE("a jump reaches two GiB from both ends of the code", "[unit][inject]") {
  const auto reach = reachable(range(kBase, kMiB));
  CHECK(reach.begin == kBase + kMiB - 2 * kGiB + kMiB);
  CHECK(reach.end == kBase + 2 * kGiB - kMiB);
  CHECK(reachable(range({0x400000}, kMiB)).begin == Address{0});
  const auto none = reachable(range(kBase, 5 * kGiB));
  CHECK(none.begin == none.end);
}

TEST_CASE("where nothing is mapped the place is in the middle", "[unit][inject]") {
  CHECK(find_gap({}, range(kBase, 16 * kPage), 2 * kPage) == kBase + 7 * kPage);
  CHECK(find_gap({}, range(kBase + 1, 16 * kPage), 2 * kPage) == kBase + 7 * kPage);
  CHECK(find_gap({}, range(kBase, kPage), kPage) == kBase);
  CHECK(find_gap({}, range(kBase, 16 * kPage), 1) == kBase + 7 * kPage);
}

TEST_CASE("a place that is too small is none", "[unit][inject]") {
  CHECK_FALSE(find_gap({}, range(kBase, kPage), kPage + 1));
  CHECK_FALSE(find_gap({}, range(kBase + 1, kPage), kPage));
  CHECK_FALSE(find_gap({}, range(kBase, 0), kPage));
  CHECK_FALSE(find_gap({}, range(kBase, kPage), 0));
  CHECK_FALSE(find_gap({}, range(kBase, kPage), ~std::uint64_t{0}));
  CHECK_FALSE(find_gap(Mapped{range(kBase, 16 * kPage)}, range(kBase, 16 * kPage), kPage));
}

TEST_CASE("the place nearest to the middle is above what is mapped, a page away", "[unit][inject]") {
  const Mapped mapped{range(kBase + kGiB, 4 * kPage)};
  CHECK(find_gap(mapped, range(kBase, 2 * kGiB), kPage) == kBase + kGiB + 5 * kPage);
}

TEST_CASE("room for a stack to grow is left below what is mapped", "[unit][inject]") {
  // Everything from the middle on is taken.
  const Mapped mapped{range(kBase + kGiB, 2 * kGiB)};
  CHECK(find_gap(mapped, range(kBase, 2 * kGiB), kPage) == kBase + kGiB - 16 * kMiB - kPage);
  // Rather further away than in that room.
  const Mapped two{range(kBase, kGiB), range(kBase + kGiB + 8 * kMiB, kGiB)};
  CHECK(find_gap(two, range(kBase, 4 * kGiB), kPage) == kBase + 2 * kGiB + 8 * kMiB + kPage);
}

TEST_CASE("where there is no other room, a page stays free on both sides", "[unit][inject]") {
  const auto gap_of = [](std::uint64_t pages) {
    const Mapped mapped{range(kBase + pages * kPage, kGiB), range(kBase - kGiB, kGiB)};  // in any order
    return find_gap(mapped, range(kBase - kGiB, 2 * kGiB), 2 * kPage);
  };
  CHECK_FALSE(gap_of(3));
  CHECK(gap_of(4) == kBase + kPage);
}

TEST_CASE("mapped ranges may touch, overlap and end within a page", "[unit][inject]") {
  const Mapped mapped{range(kBase, 8 * kPage), range(kBase + kPage, kPage), range(kBase + 8 * kPage, kPage),
                      range(kBase + 9 * kPage, 1)};
  CHECK(find_gap(mapped, range(kBase, 64 * kPage), kPage) == kBase + 31 * kPage);
  CHECK(find_gap(mapped, range(kBase, 14 * kPage), kPage) == kBase + 11 * kPage);
}

TEST_CASE("neither the lowest addresses nor the kernel's are used", "[unit][inject]") {
  CHECK(find_gap({}, {{0}, {0x12000}}, kPage) == Address{0x10000});
  CHECK_FALSE(find_gap({}, {{0}, {0x10000}}, kPage));
  CHECK(find_gap({}, {{0x7fffffff0000}, {~std::uint64_t{0}}}, 2 * kPage) == Address{0x7fffffff6000});
  CHECK_FALSE(find_gap({}, {{0x7fffffffe000}, {~std::uint64_t{0}}}, kPage));
  const Mapped vsyscall{{{0xffffffffff600000}, {0xffffffffff601000}}};
  CHECK(find_gap(vsyscall, range(kBase, kPage), kPage) == kBase);
}

}  // namespace
}  // namespace memsnap
