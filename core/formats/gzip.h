#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"

namespace memsnap {

/// `bytes` as a gzip file.
std::string gzip(std::string_view bytes);

/// What a gzip file holds. Errors: Code::malformed for what is no gzip file, is cut off or damaged, or holds more than
/// `limit` bytes; the message goes on behind a file's name and a colon.
Result<std::string> gunzip(std::string_view file, std::size_t limit);

}  // namespace memsnap
