#pragma once

#include <protozero/types.hpp>
#include <string_view>

/// The fields of pprof's profile.proto, by message. Source: github.com/google/pprof, proto/profile.proto.
namespace memsnap::pprof {

// NOLINTBEGIN(performance-enum-size): protozero asks for this type.

enum class ProfileField : protozero::pbf_tag_type {
  sample_type = 1,
  sample = 2,
  mapping = 3,
  location = 4,
  function = 5,
  string_table = 6,
  period_type = 11,
  period = 12,
  comment = 13,
  default_sample_type = 14,
};

enum class ValueTypeField : protozero::pbf_tag_type { type = 1, unit = 2 };
enum class SampleField : protozero::pbf_tag_type { location_id = 1, value = 2, label = 3 };
enum class LabelField : protozero::pbf_tag_type { key = 1, text = 2 };
enum class MappingField : protozero::pbf_tag_type {
  id = 1,
  memory_start = 2,
  memory_limit = 3,
  file_offset = 4,
  filename = 5,
  build_id = 6,
  has_functions = 7,
  has_filenames = 8,
  has_line_numbers = 9,
  has_inline_frames = 10,
};
enum class LocationField : protozero::pbf_tag_type {
  id = 1,
  mapping_id = 2,
  address = 3,
  line = 4,
  /// Our own, which others pass over: Frame::function_offset. No comment, as pprof prints all of those with each
  /// report.
  function_offset = 1000,
};
enum class LineField : protozero::pbf_tag_type { function_id = 1, line = 2 };
enum class FunctionField : protozero::pbf_tag_type { id = 1, name = 2, filename = 4 };

// NOLINTEND(performance-enum-size)

// What we call things in there.
inline constexpr std::string_view kLiveBlocks = "inuse_objects";
inline constexpr std::string_view kLiveBytes = "inuse_space";
inline constexpr std::string_view kAllBlocks = "alloc_objects";
inline constexpr std::string_view kAllBytes = "alloc_space";
inline constexpr std::string_view kBlocksUnit = "count";
inline constexpr std::string_view kBytesUnit = "bytes";
inline constexpr std::string_view kDomainLabel = "domain";
inline constexpr std::string_view kThreadLabel = "thread";
inline constexpr std::string_view kTruncatedLabel = "truncated";
// pprof's own, of what a difference is against.
inline constexpr std::string_view kBaseLabel = "pprof::base";
inline constexpr std::string_view kIsBase = "true";
// Values of that label; an address follows the second.
inline constexpr std::string_view kFrameLimit = "frame limit";
inline constexpr std::string_view kNoUnwindInfo = "no unwind information at ";

}  // namespace memsnap::pprof
