#pragma once

#include <string>
#include <utility>
#include <vector>

namespace memsnap {

/// The rules in what `show substitute-path` prints: from, to.
std::vector<std::pair<std::string, std::string>> parse_substitutions(const std::string& shown);
/// The folders in what `show directories` prints, `$cdir` and `$cwd` not among them.
std::vector<std::string> parse_directories(const std::string& shown);
/// Where the source `path` is, as GDB would look for it; `path` after the rules where it is nowhere.
std::string find_source(const std::string& path, const std::vector<std::pair<std::string, std::string>>& substitutions,
                        const std::vector<std::string>& directories);

}  // namespace memsnap
