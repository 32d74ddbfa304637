#include "core/formats/size.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/catch.h"

// The expected texts are those of Python 3.11's tracemalloc._format_size.

namespace memsnap {
namespace {

TEST_CASE("A size is written as tracemalloc writes it", "[unit]") {
  const std::vector<std::pair<std::uint64_t, std::string>> sizes = {
      {0U, "0 B"},
      {1U, "1 B"},
      {99U, "99 B"},
      {100U, "100 B"},
      {101U, "101 B"},
      {999U, "999 B"},
      {1000U, "1000 B"},
      {1023U, "1023 B"},
      {1024U, "1024 B"},
      {1025U, "1025 B"},
      {10239U, "10239 B"},
      {10240U, "10.0 KiB"},
      {10241U, "10.0 KiB"},
      {84787U, "82.8 KiB"},
      {101376U, "99.0 KiB"},
      {102297U, "99.9 KiB"},
      {102348U, "99.9 KiB"},
      {102359U, "100.0 KiB"},
      {102399U, "100.0 KiB"},
      {102400U, "100 KiB"},
      {102912U, "100 KiB"},
      {102913U, "101 KiB"},
      {103936U, "102 KiB"},
      {10484736U, "10239 KiB"},
      {10485759U, "10240 KiB"},
      {10485760U, "10.0 MiB"},
      {2449408U, "2392 KiB"},
      {104752742U, "99.9 MiB"},
      {104805171U, "99.9 MiB"},
      {104857599U, "100.0 MiB"},
      {104857600U, "100 MiB"},
      {2149580U, "2099 KiB"},
      {10737418239U, "10240 MiB"},
      {10737418240U, "10.0 GiB"},
      {107374182399U, "100.0 GiB"},
      {107374182400U, "100 GiB"},
      {107320495308U, "99.9 GiB"},
      {10995116277759U, "10240 GiB"},
      {10995116277760U, "10.0 TiB"},
      {109951162777599U, "100.0 TiB"},
      {109951162777600U, "100 TiB"},
      {11257899556798464U, "10239 TiB"},
      {11258999068426240U, "10240 TiB"},
      {135741307518713856U, "123456 TiB"},
      {9007199254740993U, "8192 TiB"},
      {4611686018427387904U, "4194304 TiB"},
      {9223372036854775807U, "8388608 TiB"},
  };
  for (const auto& [bytes, text] : sizes) {
    CAPTURE(bytes);
    CHECK(format_size(bytes) == text);
  }
}

TEST_CASE("The largest size does not overflow", "[unit]") {
  CHECK(format_size(std::numeric_limits<std::uint64_t>::max()) == "16777216 TiB");
}

TEST_CASE("A difference is written with its sign always", "[unit]") {
  const std::vector<std::pair<std::int64_t, std::string>> sizes = {
      {0, "+0 B"},
      {1, "+1 B"},
      {-1, "-1 B"},
      {99, "+99 B"},
      {-99, "-99 B"},
      {100, "+100 B"},
      {-100, "-100 B"},
      {10239, "+10239 B"},
      {-10239, "-10239 B"},
      {10240, "+10.0 KiB"},
      {-10240, "-10.0 KiB"},
      {-1536, "-1536 B"},
      {102399, "+100.0 KiB"},
      {-102399, "-100.0 KiB"},
      {102400, "+100 KiB"},
      {-102400, "-100 KiB"},
      {-10485759, "-10240 KiB"},
      {10485760, "+10.0 MiB"},
      {-10485760, "-10.0 MiB"},
      {-104333312, "-99.5 MiB"},
      {10737418240, "+10.0 GiB"},
      {-10995116277760, "-10.0 TiB"},
      {-109951162777599, "-100.0 TiB"},
      {-109951162777600, "-100 TiB"},
      {-11258999068426240, "-10240 TiB"},
      {9223372036854775807, "+8388608 TiB"},
      {-9223372036854775807, "-8388608 TiB"},
  };
  for (const auto& [bytes, text] : sizes) {
    CAPTURE(bytes);
    CHECK(format_size_diff(bytes) == text);
  }
  CHECK(format_size_diff(std::numeric_limits<std::int64_t>::min()) == "-8388608 TiB");
}

TEST_CASE("An average is the quotient of floats, halves rounded to even", "[unit]") {
  struct Case {
    std::uint64_t size;
    std::uint64_t count;
    std::string text;
  };
  const std::vector<Case> cases = {
      {0U, 1, "0 B"},
      {0U, 7, "0 B"},
      {1U, 2, "0 B"},
      {3U, 2, "2 B"},
      {5U, 2, "2 B"},
      {7U, 2, "4 B"},
      {1U, 3, "0 B"},
      {2U, 3, "1 B"},
      {2449408U, 29990, "82 B"},
      {10239U, 1, "10239 B"},
      {20479U, 2, "10240 B"},
      {102399U, 10, "10240 B"},
      {30719U, 3, "10240 B"},
      {10240U, 1, "10.0 KiB"},
      {101427U, 1, "99.0 KiB"},
      {409394U, 4, "99.9 KiB"},
      {5242880U, 3, "1707 KiB"},
      {9007199254740992U, 3, "2731 TiB"},
      {9223372036854775807U, 1, "8388608 TiB"},
      {331U, 4, "83 B"},
      {200U, 2, "100 B"},
      {199U, 2, "100 B"},
      {10292U, 1, "10.1 KiB"},
  };
  for (const auto& [size, count, text] : cases) {
    CAPTURE(size, count);
    CHECK(format_average(size, count) == text);
  }
}

TEST_CASE("A size is read as a user types it", "[unit]") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("12B") == 12);
  CHECK(parse_size("10KiB") == 10240);
  CHECK(parse_size("10 kib") == 10240);
  CHECK(parse_size("10k") == 10240);
  CHECK(parse_size("10KB") == 10240);
  CHECK(parse_size("1.5 MiB") == 1572864);
  CHECK(parse_size("2G") == std::uint64_t{2} << 30);
  CHECK(parse_size("3TiB") == std::uint64_t{3} << 40);
  for (const auto* wrong :
       {"", "-1", "B", "KiB", "10X", "10KiBs", "10 K B", "1e3", "0x10", "nan", "inf", "9999999999TiB", "10,5"}) {
    INFO(wrong);
    CHECK_FALSE(parse_size(wrong));
  }
}

}  // namespace
}  // namespace memsnap
