#pragma once

#include "tests/catch.h"

// What Catch2 calls when tests begin and end. Catch2 2.13 shows it only to who has defined CATCH_CONFIG_RUNNER, or
// CATCH_CONFIG_EXTERNAL_INTERFACES, before its header.

namespace memsnap::test {

#if __has_include(<catch2/catch_all.hpp>)
using CatchListener = Catch::EventListenerBase;
#else
using CatchListener = Catch::TestEventListenerBase;
#endif

/// How a test program ends that says it was skipped: CTest's SKIP_RETURN_CODE in the CMakeLists.txt of the tests.
inline constexpr int kSkip = 77;

}  // namespace memsnap::test
