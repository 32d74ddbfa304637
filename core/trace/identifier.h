#pragma once

namespace memsnap {

/// Whether a character can be in a name of C or C++, as compilers take them: with dollars.
constexpr bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

}  // namespace memsnap
