#pragma once

#include <string>

namespace memsnap {

/// The recorder's image as a file with symbols, for the debugger: beside the plugin's own file. Empty where it is not
/// there, or not that of this build.
std::string recorder_symbol_file();

}  // namespace memsnap
