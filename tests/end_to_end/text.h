#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace memsnap::test {

std::string join(const std::vector<std::string>& parts, std::string_view between);

/// The words in quotes, with spaces between: as shells and debuggers read them, they stay what they are.
std::string quoted(const std::vector<std::string>& words);

/// The parts of `text` between the occurrences of `separator`; one more than there are of those.
std::vector<std::string> split(std::string_view text, std::string_view separator);

/// Lines without their ends; a last line without an end counts.
std::vector<std::string_view> lines_of(std::string_view text);

std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// What differs from machine to machine made equal: the folders of sources and programs are `/src` and `/bin`,
/// every hexadecimal address is `0x...`.
std::string normalised(std::string text);

/// Line number of the one line of tests/targets/`file` that carries `// site: name`. Throws where there is not just
/// one.
int line_of(const std::string& file, const std::string& name);

/// Whole path of a program of tests/targets, and of a source file there.
std::string target(const std::string& name);
std::string target_source(const std::string& file);

}  // namespace memsnap::test
