#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

/// A profile.proto as it stands in a file, read with every limit that untrusted bytes ask for.
namespace memsnap::pprof {

/// What is wrong with a file, in words that go on behind its name and a colon. Never leaves parse_pprof.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A part of one of the Profile's lists.
struct Part {
  std::size_t begin = 0;
  std::size_t count = 0;

  template <typename T>
  std::span<const T> of(const std::vector<T>& list) const {
    return std::span(list).subspan(begin, count);
  }
};

/// Numbers that stand for strings are indexes in `strings`, not checked yet: see text().
struct Profile {
  struct ValueType {
    std::uint64_t type = 0;
    std::uint64_t unit = 0;
  };
  struct Label {
    std::uint64_t key = 0;
    std::uint64_t text = 0;  ///< 0 where its value is a number
  };
  struct Sample {
    Part locations;  ///< of `location_ids`
    Part values;     ///< of `values`
    Part labels;     ///< of `labels`
  };
  struct Mapping {
    std::uint64_t id = 0;
    std::uint64_t memory_start = 0;
    std::uint64_t file_offset = 0;
    std::uint64_t filename = 0;
    std::uint64_t build_id = 0;
  };
  struct Line {
    std::uint64_t function = 0;
    std::uint64_t line = 0;
  };
  struct Location {
    std::uint64_t id = 0;
    std::uint64_t mapping = 0;
    std::uint64_t address = 0;
    std::uint64_t function_offset = 0;  ///< see LocationField::function_offset
    Part lines;                         ///< of `lines`
  };
  struct Function {
    std::uint64_t id = 0;
    std::uint64_t name = 0;
    std::uint64_t filename = 0;
  };

  std::vector<ValueType> sample_types;
  std::vector<Sample> samples;
  std::vector<Mapping> mappings;
  std::vector<Location> locations;
  std::vector<Function> functions;
  std::vector<std::string_view> strings;  ///< in the bytes that were read
  std::vector<std::uint64_t> comments;
  std::uint64_t default_sample_type = 0;

  std::vector<std::uint64_t> location_ids;
  std::vector<std::int64_t> values;
  std::vector<Label> labels;
  std::vector<Line> lines;

  /// Throws Malformed where there is no such string.
  std::string_view text(std::uint64_t index) const;
};

/// Reads a profile that is not compressed any more; it must outlive the result. Throws Malformed and protozero's own
/// exceptions.
Profile read_profile(std::string_view bytes);

}  // namespace memsnap::pprof
