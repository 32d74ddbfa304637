#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "core/trace/frame.h"
#include "core/trace/glob.h"

namespace memsnap {

/// Whether the frame is in an allocator: malloc and its like under every known prefix, operator new, delete and their
/// helpers, the modules of allocator libraries. Not a matter of the user's rules.
bool is_allocator(const Frame& frame);

/// Which frames are hidden: not blamed, and folded in a traceback.
///
/// A frame is hidden where it has no source line, or where a pattern matches its file's path, its function (as it is,
/// or bare: see bare_function_name), or its module's path or base name. A plain word (none of `*?[/.` in it) stands for
/// a function only: a rule for a function `process` must not hide all of a program of that name.
///
/// Not thread-safe, not even hides(): it remembers what the patterns said of a string.
class HideRules {
 public:
  /// The default rules of commands.md: the allocator, operator new and its like, the C++ standard library's headers
  /// and modules, the C library.
  HideRules();

  bool hides(const Frame& frame) const;

  /// Code::usage for an empty pattern and for one that stands already.
  Result<void> add(std::string pattern);
  /// Default patterns can be removed too. Code::not_found where there is no such pattern.
  Result<void> remove(std::string_view pattern);
  void reset();
  const std::vector<std::string>& patterns() const { return patterns_; }
  /// Changes whenever the rules do, for caches.
  std::uint64_t version() const { return version_; }

 private:
  enum class Kind : std::uint8_t { file, function, module };
  bool matches(Kind kind, const std::string& text) const;
  void changed();

  std::vector<std::string> patterns_;
  std::uint64_t version_ = 0;
  mutable std::array<std::unordered_map<std::string, bool>, 3> known_;  // by Kind: what matches() found
};

/// One of tracemalloc's Filters. `line` 0 is any line. Without `all_frames` only the blamed frame is looked at; with it
/// an inclusive filter asks for any frame to match, an exclusive one for none.
struct Filter {
  bool inclusive = true;
  std::string pattern;  ///< glob on the file's whole path or base name; on a frame without line, on module_function
  std::uint32_t line = 0;
  bool all_frames = false;

  auto operator<=>(const Filter&) const = default;
  /// Whether the pattern and the line fit this frame, inclusive or not.
  bool matches(const Frame& frame) const;
};

}  // namespace memsnap
