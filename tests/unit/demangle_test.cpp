#include "core/symbols/symbolizer.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

TEST_CASE("names are demangled, and brackets closed as they are written today", "[unit]") {
  CHECK(demangle("_ZN1a1fEi") == "a::f(int)");
  CHECK(demangle("_Z1fSt6vectorIS_IiSaIiEESaIS1_EE") ==
        "f(std::vector<std::vector<int, std::allocator<int>>, std::allocator<std::vector<int, std::allocator<int>>>>)");
  CHECK(demangle("main") == "main");
  CHECK(demangle("_Zmain") == "_Zmain");
  CHECK(demangle("").empty());
  CHECK(demangle("std::vector<std::vector<std::vector<int> > >") == "std::vector<std::vector<std::vector<int>>>");
  CHECK(demangle("_ZN1AgtERKS_") == "A::operator>(A const&)");
  CHECK(demangle(std::string(100'000, '_')).size() == 100'000);
  CHECK(demangle("_Z1f" + std::string(1'000'000, 'P') + "i").starts_with("_Z1fPPP"));
}

}  // namespace
}  // namespace memsnap
