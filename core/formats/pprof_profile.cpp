#include "core/formats/pprof_profile.h"

#include <fmt/format.h>

#include <protozero/pbf_message.hpp>
#include <string>

#include "core/formats/pprof_fields.h"
#include "core/formats/snapshot_file.h"

namespace memsnap::pprof {
namespace {

using protozero::pbf_message;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr auto kMostEntries = SnapshotFile::kMostEntries;
constexpr auto kMostLabels = 4 * kMostEntries;
constexpr auto kMostNumbers = SnapshotFile::kMostFrames;

void check_room(std::size_t size, std::size_t most) {
  if (size >= most) {
    throw Malformed("larger than any snapshot");
  }
}

template <typename T>
void add(std::vector<T>& list, T item, std::size_t most = kMostEntries) {
  check_room(list.size(), most);
  list.push_back(item);
}

constexpr auto kNumber = pbf_wire_type::varint;
constexpr auto kBytes = pbf_wire_type::length_delimited;

// Fields that are not known, or of another kind than they should be, are passed over, as protobuf has it.
template <typename Field, typename Each>
void for_each_field(protozero::data_view bytes, const Each& each) {
  pbf_message<Field> message(bytes);
  while (message.next()) {
    if (!each(message)) {
      message.skip();
    }
  }
}

// A repeated number: packed, or one field for each.
template <typename Field, typename Number>
bool read_numbers(pbf_message<Field>& message, std::vector<Number>& list) {
  if (message.wire_type() == kNumber) {
    add(list, static_cast<Number>(message.get_uint64()), kMostNumbers);
    return true;
  }
  if (message.wire_type() != kBytes) {
    return false;
  }
  for (const auto number : message.get_packed_uint64()) {
    add(list, static_cast<Number>(number), kMostNumbers);
  }
  return true;
}

Profile::ValueType read_value_type(protozero::data_view bytes) {
  Profile::ValueType type;
  for_each_field<ValueTypeField>(bytes, [&](auto& message) {
    switch (message.tag_and_type()) {
      case tag_and_type(ValueTypeField::type, kNumber):
        type.type = message.get_uint64();
        return true;
      case tag_and_type(ValueTypeField::unit, kNumber):
        type.unit = message.get_uint64();
        return true;
      default:
        return false;
    }
  });
  return type;
}

Profile::Label read_label(protozero::data_view bytes) {
  Profile::Label label;
  for_each_field<LabelField>(bytes, [&](auto& message) {
    switch (message.tag_and_type()) {
      case tag_and_type(LabelField::key, kNumber):
        label.key = message.get_uint64();
        return true;
      case tag_and_type(LabelField::text, kNumber):
        label.text = message.get_uint64();
        return true;
      default:
        return false;
    }
  });
  return label;
}

Profile::Sample read_sample(protozero::data_view bytes, Profile& profile) {
  Profile::Sample sample{{profile.location_ids.size()}, {profile.values.size()}, {profile.labels.size()}};
  for_each_field<SampleField>(bytes, [&](auto& message) {
    switch (message.tag()) {
      case SampleField::location_id:
        return read_numbers(message, profile.location_ids);
      case SampleField::value:
        return read_numbers(message, profile.values);
      case SampleField::label:
        if (message.wire_type() == kBytes) {
          add(profile.labels, read_label(message.get_view()), kMostLabels);
          return true;
        }
        return false;
      default:
        return false;
    }
  });
  sample.locations.count = profile.location_ids.size() - sample.locations.begin;
  sample.values.count = profile.values.size() - sample.values.begin;
  sample.labels.count = profile.labels.size() - sample.labels.begin;
  return sample;
}

Profile::Mapping read_mapping(protozero::data_view bytes) {
  Profile::Mapping mapping;
  for_each_field<MappingField>(bytes, [&](auto& message) {
    switch (message.tag_and_type()) {
      case tag_and_type(MappingField::id, kNumber):
        mapping.id = message.get_uint64();
        return true;
      case tag_and_type(MappingField::memory_start, kNumber):
        mapping.memory_start = message.get_uint64();
        return true;
      case tag_and_type(MappingField::file_offset, kNumber):
        mapping.file_offset = message.get_uint64();
        return true;
      case tag_and_type(MappingField::filename, kNumber):
        mapping.filename = message.get_uint64();
        return true;
      case tag_and_type(MappingField::build_id, kNumber):
        mapping.build_id = message.get_uint64();
        return true;
      default:
        return false;
    }
  });
  return mapping;
}

Profile::Line read_line(protozero::data_view bytes) {
  Profile::Line line;
  for_each_field<LineField>(bytes, [&](auto& message) {
    switch (message.tag_and_type()) {
      case tag_and_type(LineField::function_id, kNumber):
        line.function = message.get_uint64();
        return true;
      case tag_and_type(LineField::line, kNumber):
        line.line = message.get_uint64();
        return true;
      default:
        return false;
    }
  });
  return line;
}

Profile::Location read_location(protozero::data_view bytes, Profile& profile) {
  Profile::Location location{.lines = {profile.lines.size()}};
  for_each_field<LocationField>(bytes, [&](auto& message) {
    switch (message.tag_and_type()) {
      case tag_and_type(LocationField::id, kNumber):
        location.id = message.get_uint64();
        return true;
      case tag_and_type(LocationField::mapping_id, kNumber):
        location.mapping = message.get_uint64();
        return true;
      case tag_and_type(LocationField::address, kNumber):
        location.address = message.get_uint64();
        return true;
      case tag_and_type(LocationField::function_offset, kNumber):
        location.function_offset = message.get_uint64();
        return true;
      case tag_and_type(LocationField::line, kBytes):
        add(profile.lines, read_line(message.get_view()));
        return true;
      default:
        return false;
    }
  });
  location.lines.count = profile.lines.size() - location.lines.begin;
  return location;
}

Profile::Function read_function(protozero::data_view bytes) {
  Profile::Function function;
  for_each_field<FunctionField>(bytes, [&](auto& message) {
    switch (message.tag_and_type()) {
      case tag_and_type(FunctionField::id, kNumber):
        function.id = message.get_uint64();
        return true;
      case tag_and_type(FunctionField::name, kNumber):
        function.name = message.get_uint64();
        return true;
      case tag_and_type(FunctionField::filename, kNumber):
        function.filename = message.get_uint64();
        return true;
      default:
        return false;
    }
  });
  return function;
}

}  // namespace

std::string_view Profile::text(std::uint64_t index) const {
  if (index >= strings.size()) {
    throw Malformed(fmt::format("damaged: it has no string {}", index));
  }
  return strings[index];
}

Profile read_profile(std::string_view bytes) {
  Profile profile;
  for_each_field<ProfileField>({bytes.data(), bytes.size()}, [&](auto& message) {
    switch (message.tag_and_type()) {
      case tag_and_type(ProfileField::sample_type, kBytes):
        add(profile.sample_types, read_value_type(message.get_view()));
        return true;
      case tag_and_type(ProfileField::sample, kBytes):
        add(profile.samples, read_sample(message.get_view(), profile));
        return true;
      case tag_and_type(ProfileField::mapping, kBytes):
        add(profile.mappings, read_mapping(message.get_view()));
        return true;
      case tag_and_type(ProfileField::location, kBytes):
        add(profile.locations, read_location(message.get_view(), profile));
        return true;
      case tag_and_type(ProfileField::function, kBytes):
        add(profile.functions, read_function(message.get_view()));
        return true;
      case tag_and_type(ProfileField::string_table, kBytes): {
        const auto text = message.get_view();
        add(profile.strings, std::string_view(text.data(), text.size()));
        return true;
      }
      case tag_and_type(ProfileField::comment, kNumber):
      case tag_and_type(ProfileField::comment, kBytes):
        return read_numbers(message, profile.comments);
      case tag_and_type(ProfileField::default_sample_type, kNumber):
        profile.default_sample_type = message.get_uint64();
        return true;
      default:
        return false;
    }
  });
  return profile;
}

}  // namespace memsnap::pprof
