#pragma once

#include <string_view>

namespace memsnap {

/// Shell glob over a whole string: `*` (slashes too), `?`, `[...]`. Never fails; a lone `[` is itself.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace memsnap
