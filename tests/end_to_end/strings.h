#pragma once

#include <optional>
#include <ostream>

#include "tests/catch.h"
#include "tests/end_to_end/host.h"
#include "tests/end_to_end/tables.h"

// How Catch2 shows our values in a failed check.

template <>
struct Catch::StringMaker<memsnap::test::Charged> {
  static std::string convert(const memsnap::test::Charged& value) {
    return "{size " + std::to_string(value.size) + ", count " + std::to_string(value.count) + "}";
  }
};

template <>
struct Catch::StringMaker<std::optional<memsnap::test::Charged>> {
  static std::string convert(const std::optional<memsnap::test::Charged>& value) {
    return value ? StringMaker<memsnap::test::Charged>::convert(*value) : "no row";
  }
};

template <>
struct Catch::StringMaker<memsnap::test::Answer> {
  static std::string convert(const memsnap::test::Answer& value) { return (value.error ? "error: " : "") + value.text; }
};
