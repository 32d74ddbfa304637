#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/recorder/hooks.h"
#include "plugin/recorder/module_rows.h"

namespace memsnap {

/// What a debugger that attaches later, or reads a core file, must know of a recorder.
struct RecorderNotes {
  RecorderAddresses addresses;
  std::uint64_t code_size = 0;
  std::vector<std::string> domains;
  std::vector<std::string> spaces;
  std::vector<Hook> hooks;
  std::vector<AddressRange> areas;     ///< room left for stubs
  std::vector<AddressRange> landings;  ///< memory for landings
  AddressRange arena;                  ///< room left for data
  RowNotes rows;
  std::uint64_t room = 0;  ///< bytes that there are for the notes themselves
  std::uint64_t modules_generation = 0;
  std::string session{};           ///< whose snapshots the epochs are counted by: Recording::session
  std::uint32_t older_epochs = 0;  ///< epochs up to this one are of the sessions before
  std::uint64_t mapped = 0;        ///< bytes mapped for it by debuggers
};

inline constexpr std::uint64_t kLargestNotes = std::uint64_t{4} << 20;

/// As JSON.
std::string to_text(const RecorderNotes& notes);
/// Errors: Code::malformed.
Result<RecorderNotes> notes_from_text(const std::string& text);

}  // namespace memsnap
