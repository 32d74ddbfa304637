#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"

namespace memsnap {

/// `path` with a leading `~` or `~user` replaced by that home folder, as shells and the debuggers' own commands do;
/// `path` itself where there is no such user.
std::string expand_home(const std::string& path);

/// All of a regular file. Errors: Code::io with the system's reason, or where it has more than `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// Writes a file as a whole or not at all: under another name beside it first, which then takes its place. A symbolic
/// link stays, and what it leads to is replaced. Errors: Code::io with the system's reason.
Result<void> write_file(const std::string& path, std::string_view bytes);

}  // namespace memsnap
