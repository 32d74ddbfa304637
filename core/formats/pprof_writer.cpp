#include "core/formats/pprof_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <protozero/pbf_builder.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/formats/gzip.h"
#include "core/formats/pprof_comments.h"
#include "core/formats/pprof_fields.h"

namespace memsnap {
namespace {

using namespace pprof;
using protozero::pbf_builder;

class Writer {
 public:
  explicit Writer(const SnapshotFile& file) : file_(file) { text(""); }

  std::string write() {
    for (const auto& [type, unit] : {std::pair(kLiveBlocks, kBlocksUnit), std::pair(kLiveBytes, kBytesUnit),
                                     std::pair(kAllBlocks, kBlocksUnit), std::pair(kAllBytes, kBytesUnit)}) {
      add_value_type(ProfileField::sample_type, type, unit);
    }
    add_samples(file_.snapshot, false);
    if (file_.older) {
      add_samples(*file_.older, true);
    }
    add_mappings();
    for (std::size_t i = 0; i < file_.places.size(); ++i) {
      add_location(i + 1, file_.places[i]);
    }
    add_value_type(ProfileField::period_type, "space", kBytesUnit);
    profile_.add_int64(ProfileField::period, 1);
    for (auto& comment : file_.older ? write_comments(*file_.older, file_.snapshot) : write_comments(file_.snapshot)) {
      own_.push_back(std::move(comment));
      profile_.add_int64(ProfileField::comment, text(own_.back()));
    }
    profile_.add_int64(ProfileField::default_sample_type, text(kLiveBytes));
    for (const auto string : strings_) {
      profile_.add_string(ProfileField::string_table, string.data(), string.size());
    }
    return std::move(bytes_);
  }

 private:
  // The index of a string, which must outlive this.
  std::int64_t text(std::string_view string) {
    const auto [entry, is_new] = texts_.try_emplace(string, static_cast<std::int64_t>(strings_.size()));
    if (is_new) {
      strings_.push_back(string);
    }
    return entry->second;
  }

  void add_value_type(ProfileField field, std::string_view type, std::string_view unit) {
    pbf_builder<ValueTypeField> message(profile_, field);
    message.add_int64(ValueTypeField::type, text(type));
    message.add_int64(ValueTypeField::unit, text(unit));
  }

  void add_samples(const Snapshot& snapshot, bool is_base) {
    for (const auto& live : snapshot.counts) {
      add_sample(live.origin.traceback, live.origin.domain,
                 &file_.threads.at(static_cast<std::size_t>(live.origin.thread)),
                 {live.count, live.size, live.allocations, live.allocated}, is_base);
    }
    for (const auto& freed : snapshot.freed) {
      add_sample(freed.traceback, freed.domain, nullptr, {0, 0, freed.allocations, freed.allocated}, is_base);
    }
  }

  void add_sample(TracebackId id, DomainId domain, const std::string* thread, std::array<std::uint64_t, 4> values,
                  bool is_base) {
    if (is_base) {
      std::ranges::transform(values, values.begin(), [](std::uint64_t value) { return 0 - value; });
    }
    const auto& stack = file_.stacks.at(static_cast<std::size_t>(id));
    pbf_builder<SampleField> sample(profile_, ProfileField::sample);
    ids_.clear();
    for (const auto place : stack.places) {
      ids_.push_back(place + std::uint64_t{1});
    }
    sample.add_packed_uint64(SampleField::location_id, ids_.begin(), ids_.end());
    sample.add_packed_int64(SampleField::value, values.begin(), values.end());
    add_label(sample, kDomainLabel, file_.domains.at(static_cast<std::size_t>(domain)));
    if (thread != nullptr) {
      add_label(sample, kThreadLabel, *thread);
    }
    if (is_base) {
      add_label(sample, kBaseLabel, kIsBase);
    }
    switch (stack.end) {
      case TracebackEnd::complete:
        break;
      case TracebackEnd::frame_limit:
        add_label(sample, kTruncatedLabel, kFrameLimit);
        break;
      case TracebackEnd::no_unwind_info:
        own_.push_back(fmt::format("{}{:#x}", kNoUnwindInfo, stack.stopped_at.value));
        add_label(sample, kTruncatedLabel, own_.back());
        break;
    }
  }

  void add_label(pbf_builder<SampleField>& sample, std::string_view key, std::string_view value) {
    pbf_builder<LabelField> label(sample, SampleField::label);
    label.add_int64(LabelField::key, text(key));
    label.add_int64(LabelField::text, text(value));
  }

  void add_mappings() {
    struct Known {
      std::uint64_t end = 0;
      bool functions = false;
      bool lines = false;
    };
    std::vector<Known> known(file_.modules.size());
    for (const auto& place : file_.places) {
      if (place.module >= known.size()) {
        continue;
      }
      auto& module = known[place.module];
      module.end = std::max(module.end, place.frames.front().offset);
      for (const auto& frame : place.frames) {
        module.functions = module.functions || !frame.function.empty();
        module.lines = module.lines || frame.has_line();
      }
    }
    for (std::size_t i = 0; i < known.size(); ++i) {
      pbf_builder<MappingField> mapping(profile_, ProfileField::mapping);
      mapping.add_uint64(MappingField::id, i + 1);
      mapping.add_uint64(MappingField::memory_start, 0);
      mapping.add_uint64(MappingField::memory_limit, (known[i].end / kPage + 1) * kPage);
      mapping.add_int64(MappingField::filename, text(file_.modules[i].path));
      mapping.add_int64(MappingField::build_id, text(file_.modules[i].build_id));
      mapping.add_bool(MappingField::has_functions, known[i].functions);
      mapping.add_bool(MappingField::has_filenames, known[i].lines);
      mapping.add_bool(MappingField::has_line_numbers, known[i].lines);
      mapping.add_bool(MappingField::has_inline_frames, known[i].lines);  // debug information has both, or none
    }
  }

  void add_location(std::uint64_t id, const SnapshotFile::Place& place) {
    lines_.clear();
    for (const auto& frame : place.frames) {
      // Code without a name has an address and nothing more.
      if (!frame.function.empty() || frame.has_line()) {
        lines_.emplace_back(function(frame), frame.line);
      }
    }
    pbf_builder<LocationField> location(profile_, ProfileField::location);
    location.add_uint64(LocationField::id, id);
    if (place.module != SnapshotFile::kNoModule) {
      location.add_uint64(LocationField::mapping_id, place.module + std::uint64_t{1});
    }
    location.add_uint64(LocationField::address, place.frames.front().offset - 1);
    if (const auto distance = place.frames.front().function_offset; distance != 0) {
      location.add_uint64(LocationField::function_offset, distance);
    }
    for (const auto& [function, number] : lines_) {
      pbf_builder<LineField> line(location, LocationField::line);
      line.add_uint64(LineField::function_id, function);
      line.add_int64(LineField::line, number);
    }
  }

  std::uint64_t function(const Frame& frame) {
    const auto name = text(frame.function);
    const auto file = text(frame.file);
    const auto [entry, is_new] = functions_.try_emplace({name, file}, functions_.size() + 1);
    if (is_new) {
      pbf_builder<FunctionField> function(profile_, ProfileField::function);
      function.add_uint64(FunctionField::id, entry->second);
      function.add_int64(FunctionField::name, name);
      // Without a system name it is taken for what it is, a name for people.
      function.add_int64(FunctionField::filename, file);
    }
    return entry->second;
  }

  const SnapshotFile& file_;
  std::string bytes_;
  pbf_builder<ProfileField> profile_{bytes_};
  std::deque<std::string> own_;  // strings that are made here
  std::unordered_map<std::string_view, std::int64_t> texts_;
  std::vector<std::string_view> strings_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::uint64_t> functions_;  // by name and file
  std::vector<std::uint64_t> ids_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> lines_;
};

}  // namespace

std::string to_pprof(const SnapshotFile& file) { return gzip(Writer(file).write()); }

}  // namespace memsnap
