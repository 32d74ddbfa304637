#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.h"

namespace memsnap {

/// One step of a stack as people read it. One Pc gives several of them where functions were inlined.
struct Frame {
  std::string file;                   ///< whole path as the debug information has it; empty without line information
  std::uint32_t line = 0;             ///< 1-based; 0 without line information
  std::string function;               ///< demangled; empty where not even a symbol covers it
  std::string module;                 ///< whole path of the module; empty for code outside every module
  std::uint64_t offset = 0;           ///< of the return address in the module, as its ELF file counts
  std::uint64_t function_offset = 0;  ///< of the return address from the start of the function's symbol
  bool inlined = false;               ///< a call that the compiler inlined into the next frame

  auto operator<=>(const Frame&) const = default;
  bool has_line() const { return line != 0; }
};

/// A function's name without what stands around it: arguments, return type, `const`, clone suffix.
/// `void pool::give<int>(int) const` is `pool::give<int>`.
std::string_view bare_function_name(std::string_view function);

/// How a frame is called where no source line is: `libc.so.6!strdup`; `libc.so.6!0x271ca` without a function's name;
/// `0x7f01` (or the function's name) outside every module.
std::string module_function(const Frame& frame);

/// Where the frames of a Pc come from: a symbolizer, a loaded file, a test's table.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  /// The frames at a return address, innermost (inlined) first; at least one. The reference stays valid for the
  /// source's life; a source answers the same Pc the same way always.
  virtual const std::vector<Frame>& frames(const Pc& pc) = 0;
};

}  // namespace memsnap
