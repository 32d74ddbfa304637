#pragma once

#include <span>
#include <string>

#include "core/elf/elf_file.h"
#include "core/module.h"
#include "core/result.h"

namespace memsnap {

/// A separate debug file, opened.
struct DebugFile {
  std::string path;
  ElfFile file;
};

/// Finds and opens the file that holds a module's debug information, where that was split off.
///
/// Order:   Module::debug_file; DIR/.build-id/xx/yyyy.debug for each of `directories`; then by the name in
///          .gnu_debuglink: beside the module, in .debug beside it, and in DIR/the module's folder.
/// Needs:   `file` is the module's own file, or nullptr where there is none: then only the build id finds one.
/// Errors:  Code::not_found. A candidate with another build id is passed over; where the module has none, one whose
///          checksum is not the one in .gnu_debuglink. Never asks the network.
/// Source:  the layout that distributions install to; .gnu_debuglink as objcopy writes it.
Result<DebugFile> find_debug_file(const Module& module, const ElfFile* file, std::span<const std::string> directories);

}  // namespace memsnap
