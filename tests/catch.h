#pragma once

// Catch2 2.13 and 3 differ in where their headers are; everything we use of them is the same.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
