#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace memsnap {

/// What a table groups by; the words of the command language.
enum class Key : std::uint8_t { lineno, filename, function, traceback, module, domain, thread, type };

std::string_view to_string(Key key);
std::optional<Key> parse_key(std::string_view word);
/// "lineno, filename, ...", for messages.
std::string key_words();
/// Whether a block can be charged to more than one frame under this key: lineno, filename, function, module.
bool can_cumulate(Key key);

}  // namespace memsnap
