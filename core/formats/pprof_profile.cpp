#include "core/formats/pprof_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
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

// Which field holds which number of a message.
template <typename Field, typename Message>
struct Slot {
  Field field;
  std::uint64_t Message::*number;
};

template <typename Field, typename Message>
bool read_number(pbf_message<Field>& from, Message& to, std::initializer_list<Slot<Field, Message>> slots) {
  const auto* slot = std::ranges::find(slots, from.tag(), &Slot<Field, Message>::field);
  if (slot == slots.end() || from.wire_type() != kNumber) {
    return false;
  }
  to.*(slot->number) = from.get_uint64();
  return true;
}

// A message of numbers only.
template <typename Field, typename Message>
Message read_message(protozero::data_view bytes, std::initializer_list<Slot<Field, Message>> slots) {
  Message message;
  for_each_field<Field>(bytes, [&](auto& from) { return read_number(from, message, slots); });
  return message;
}

Profile::ValueType read_value_type(protozero::data_view bytes) {
  using Type = Profile::ValueType;
  return read_message<ValueTypeField, Type>(bytes,
                                            {{ValueTypeField::type, &Type::type}, {ValueTypeField::unit, &Type::unit}});
}

Profile::Label read_label(protozero::data_view bytes) {
  using Label = Profile::Label;
  return read_message<LabelField, Label>(bytes, {{LabelField::key, &Label::key}, {LabelField::text, &Label::text}});
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
  using Mapping = Profile::Mapping;
  return read_message<MappingField, Mapping>(bytes, {{MappingField::id, &Mapping::id},
                                                     {MappingField::memory_start, &Mapping::memory_start},
                                                     {MappingField::file_offset, &Mapping::file_offset},
                                                     {MappingField::filename, &Mapping::filename},
                                                     {MappingField::build_id, &Mapping::build_id}});
}

Profile::Line read_line(protozero::data_view bytes) {
  using Line = Profile::Line;
  return read_message<LineField, Line>(bytes,
                                       {{LineField::function_id, &Line::function}, {LineField::line, &Line::line}});
}

Profile::Location read_location(protozero::data_view bytes, Profile& profile) {
  using Location = Profile::Location;
  Location location{.lines = {profile.lines.size()}};
  for_each_field<LocationField>(bytes, [&](auto& message) {
    if (message.tag_and_type() == tag_and_type(LocationField::line, kBytes)) {
      add(profile.lines, read_line(message.get_view()));
      return true;
    }
    return read_number<LocationField, Location>(message, location,
                                                {{LocationField::id, &Location::id},
                                                 {LocationField::mapping_id, &Location::mapping},
                                                 {LocationField::address, &Location::address},
                                                 {LocationField::function_offset, &Location::function_offset}});
  });
  location.lines.count = profile.lines.size() - location.lines.begin;
  return location;
}

Profile::Function read_function(protozero::data_view bytes) {
  using Function = Profile::Function;
  return read_message<FunctionField, Function>(bytes, {{FunctionField::id, &Function::id},
                                                       {FunctionField::name, &Function::name},
                                                       {FunctionField::filename, &Function::filename}});
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
