#include "core/symbols/interval_map.h"

#include <array>

#include "tests/catch.h"

namespace memsnap {
namespace {

TEST_CASE("an empty interval map has nothing anywhere", "[unit]") {
  IntervalMap<int> map;
  CHECK(map.find(0) == nullptr);
  map.assign(5, 5, 1);
  map.assign(6, 5, 1);
  CHECK(map.find(5) == nullptr);
}

TEST_CASE("a later interval covers an earlier one, which goes on behind it", "[unit]") {
  IntervalMap<char> map;
  map.assign(10, 20, 'a');
  map.assign(12, 14, 'b');
  map.assign(18, 25, 'c');
  map.assign(13, 14, 'd');
  std::string found;
  for (std::uint64_t at = 9; at < 26; ++at) {
    const auto* value = map.find(at);
    found.push_back(value == nullptr ? '.' : *value);
  }
  CHECK(found == ".aabdaaaaccccccc.");
}

TEST_CASE("an interval map agrees with painting an array", "[unit]") {
  IntervalMap<unsigned> map;
  std::array<unsigned, 64> painted{};
  unsigned random = 1;
  const auto next = [&] {
    random = random * 1664525 + 1013904223;
    return random >> 26U;
  };
  for (unsigned value = 1; value < 2000; ++value) {
    const auto begin = next();
    const auto end = next();
    map.assign(begin, end, value);
    for (auto i = begin; i < end; ++i) {
      painted[i] = value;
    }
    for (std::size_t i = 0; i < painted.size(); ++i) {
      const auto* found = map.find(i);
      if ((found == nullptr ? 0 : *found) != painted[i]) {
        FAIL("different at " << i << " after " << value);
      }
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace memsnap
