#include "core/formats/pprof_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <protozero/exception.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/formats/gzip.h"
#include "core/formats/pprof_comments.h"
#include "core/formats/pprof_fields.h"
#include "core/formats/pprof_profile.h"

namespace memsnap {
namespace {

using namespace pprof;

// Names are written once in a file, and held for each frame here.
constexpr std::size_t kMostText = std::size_t{1} << 29;
constexpr std::string_view kUnknown = "<unknown>";

// Which of a sample's values are what.
struct Columns {
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  std::optional<std::size_t> all_blocks;
  std::optional<std::size_t> all_bytes;
};

// Where the entry of an id stands in its list. No hash table: ids are whatever the file's author likes.
class Ids {
 public:
  Ids() = default;
  Ids(const auto& entries, std::string_view what) : what_(what) {
    for (const auto& entry : entries) {
      ids_.emplace_back(entry.id, static_cast<std::uint32_t>(ids_.size()));
    }
    std::ranges::sort(ids_);
    const auto same = std::ranges::adjacent_find(ids_, {}, &Id::first);
    if (same != ids_.end() || (!ids_.empty() && ids_.front().first == 0)) {
      throw Malformed(fmt::format("damaged: its {}s have no numbers of their own", what));
    }
  }

  std::uint32_t find(std::uint64_t id) const {
    // Mostly they are 1, 2, ...
    if (id - 1 < ids_.size() && ids_[id - 1].first == id) {
      return ids_[id - 1].second;
    }
    const auto found = std::ranges::lower_bound(ids_, id, {}, &Id::first);
    if (found == ids_.end() || found->first != id) {
      throw Malformed(fmt::format("damaged: it has no {} {}", what_, id));
    }
    return found->second;
  }

 private:
  using Id = std::pair<std::uint64_t, std::uint32_t>;
  std::string_view what_;
  std::vector<Id> ids_;
};

// What a terminal would take for a command becomes a question mark: names are printed, and a file may come from
// anywhere.
std::string printable(std::string_view text) {
  std::string result(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = static_cast<unsigned char>(result[i]);
    const auto next = i + 1 < result.size() ? static_cast<unsigned char>(result[i + 1]) : 0U;
    if (byte < 0x20 || byte == 0x7f) {
      result[i] = '?';
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // the same in one character of UTF-8
      result.replace(i, 2, "?");
    }
  }
  return result;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes)
      : profile_(read_profile(bytes)),
        mappings_(profile_.mappings, "mapping"),
        functions_(profile_.functions, "function"),
        locations_(profile_.locations, "location") {
    std::vector<std::string_view> comments;
    for (const auto comment : profile_.comments) {
      comments.push_back(profile_.text(comment));
      hold(comments.back().size());
    }
    facts_ = read_comments(comments);
    facts_.snapshot.name = printable(facts_.snapshot.name);
    facts_.snapshot.engine = printable(facts_.snapshot.engine);
  }

  SnapshotFile read() {
    const auto columns = find_columns();
    read_mappings();
    read_locations();
    file_.snapshot = std::move(facts_.snapshot);
    for (const auto& sample : profile_.samples) {
      read_sample(sample, columns);
    }
    if (!facts_.are_ours) {
      for (const auto& live : file_.snapshot.counts) {
        file_.snapshot.size += live.size;
        file_.snapshot.count += live.count;
      }
      file_.snapshot.peak = file_.snapshot.size;
    }
    return std::move(file_);
  }

 private:
  std::optional<std::size_t> column(std::string_view type, std::string_view unit) const {
    for (std::size_t i = 0; i < profile_.sample_types.size(); ++i) {
      const auto& each = profile_.sample_types[i];
      if ((type.empty() || profile_.text(each.type) == type) && profile_.text(each.unit) == unit) {
        return i;
      }
    }
    return std::nullopt;
  }

  Columns find_columns() const {
    const auto either = [&](std::string_view type, std::string_view unit) {
      const auto named = column(type, unit);
      return named ? named : column({}, unit);
    };
    const auto blocks = either(kLiveBlocks, kBlocksUnit);
    const auto bytes = either(kLiveBytes, kBytesUnit);
    if (!blocks || !bytes) {
      throw Malformed("no profile of memory: it has no sample types in bytes and in count");
    }
    return {*blocks, *bytes, column(kAllBlocks, kBlocksUnit), column(kAllBytes, kBytesUnit)};
  }

  void hold(std::size_t text) {
    text_held_ += text;
    if (text_held_ > kMostText) {
      throw Malformed("larger than any snapshot");
    }
  }
  std::string copy(std::uint64_t index) {
    const auto text = profile_.text(index);
    hold(text.size());
    return printable(text);
  }

  // A module may be mapped in several pieces.
  void read_mappings() {
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> modules;
    for (const auto& mapping : profile_.mappings) {
      const auto [entry, is_new] =
          modules.try_emplace({mapping.filename, mapping.build_id}, static_cast<std::uint32_t>(file_.modules.size()));
      if (is_new) {
        file_.modules.push_back({.path = copy(mapping.filename), .build_id = copy(mapping.build_id), .debug_file = {}});
      }
      modules_.push_back(entry->second);
    }
  }

  void read_locations() {
    file_.places.reserve(profile_.locations.size());
    for (const auto& location : profile_.locations) {
      SnapshotFile::Place place;
      Frame frame;
      auto address = location.address;
      if (location.mapping != 0) {
        const auto number = mappings_.find(location.mapping);
        const auto& mapping = profile_.mappings[number];
        address = address - mapping.memory_start + mapping.file_offset;
        place.module = modules_[number];
        frame.module = file_.modules[place.module].path;
      }
      frame.offset = address + 1;  // what follows the call
      frame.function_offset = location.function_offset;
      const auto lines = location.lines.of(profile_.lines);
      for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto& function = profile_.functions[functions_.find(lines[i].function)];
        hold(frame.module.size());
        auto& inner = place.frames.emplace_back(frame);
        inner.function = copy(function.name);
        inner.file = copy(function.filename);
        inner.line = inner.file.empty() ? 0 : static_cast<std::uint32_t>(lines[i].line);
        inner.inlined = i + 1 < lines.size();
      }
      if (lines.empty()) {
        hold(frame.module.size());
        place.frames.push_back(std::move(frame));
      }
      file_.places.push_back(std::move(place));
    }
  }

  // The string's index; 0, which is the empty one, where the sample has no such label.
  std::uint64_t label(const Profile::Sample& sample, std::string_view key) const {
    for (const auto& label : sample.labels.of(profile_.labels)) {
      if (label.text != 0 && profile_.text(label.key) == key) {
        return label.text;
      }
    }
    return 0;
  }

  // The number of a label's value among `names`, by its index.
  std::uint32_t name(const Profile::Sample& sample, std::string_view key, std::map<std::uint64_t, std::uint32_t>& known,
                     std::vector<std::string>& names) {
    const auto index = label(sample, key);
    const auto [entry, is_new] = known.try_emplace(index, static_cast<std::uint32_t>(names.size()));
    if (is_new) {
      names.push_back(index == 0 ? std::string(kUnknown) : copy(index));
      if (names.size() > kMostNames) {
        throw Malformed("larger than any snapshot");
      }
    }
    return entry->second;
  }

  SnapshotFile::Stack read_stack(const Profile::Sample& sample) const {
    SnapshotFile::Stack stack;
    for (const auto id : sample.locations.of(profile_.location_ids)) {
      stack.places.push_back(locations_.find(id));
    }
    const auto index = label(sample, kTruncatedLabel);
    auto why = index == 0 ? std::string_view() : profile_.text(index);
    if (why == kFrameLimit) {
      stack.end = TracebackEnd::frame_limit;
    } else if (why.starts_with(kNoUnwindInfo)) {
      stack.end = TracebackEnd::no_unwind_info;
      why.remove_prefix(std::min(why.size(), kNoUnwindInfo.size() + 2));
      std::from_chars(why.data(), why.data() + why.size(), stack.stopped_at.value, 16);
    }
    return stack;
  }

  void read_sample(const Profile::Sample& sample, const Columns& columns) {
    const auto values = sample.values.of(profile_.values);
    if (values.size() != profile_.sample_types.size()) {
      throw Malformed("damaged: a sample has another number of values than there are sample types");
    }
    const auto value = [&](std::optional<std::size_t> column) {
      const auto number = column ? values[*column] : 0;
      if (number < 0) {
        throw Malformed("no snapshot but a difference: it has negative values");
      }
      return static_cast<std::uint64_t>(number);
    };
    const auto blocks = value(columns.blocks);
    const auto bytes = value(columns.bytes);
    const auto all_blocks = value(columns.all_blocks);
    const auto all_bytes = value(columns.all_bytes);
    if (blocks == 0 && bytes == 0 && all_blocks == 0 && all_bytes == 0) {
      return;
    }
    const TracebackId traceback{static_cast<std::uint32_t>(file_.stacks.size())};
    file_.stacks.push_back(read_stack(sample));
    const DomainId domain{static_cast<std::uint16_t>(name(sample, kDomainLabel, domains_, file_.domains))};
    if (blocks == 0 && bytes == 0) {
      file_.snapshot.freed.push_back({traceback, domain, all_bytes, all_blocks});
      return;
    }
    const ThreadId thread{name(sample, kThreadLabel, threads_, file_.threads)};
    file_.snapshot.counts.push_back({{traceback, domain, thread}, bytes, blocks, bytes, all_bytes, all_blocks});
  }

  static constexpr std::size_t kMostNames = 0xffff;  // as many as a DomainId can tell apart

  Profile profile_;
  Facts facts_;
  SnapshotFile file_;
  Ids mappings_;
  Ids functions_;
  Ids locations_;
  std::vector<std::uint32_t> modules_;              // by mapping
  std::map<std::uint64_t, std::uint32_t> domains_;  // by string
  std::map<std::uint64_t, std::uint32_t> threads_;
  std::size_t text_held_ = 0;
};

}  // namespace

Result<SnapshotFile> parse_pprof(std::string_view file) {
  const auto bytes = gunzip(file, kLargestProfile);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  try {
    return Reader(*bytes).read();
  } catch (const Malformed& error) {
    return fail(Code::malformed, error.what());
  } catch (const protozero::exception&) {
    return fail(Code::malformed, "no pprof profile, or a damaged one");
  }
}

}  // namespace memsnap
