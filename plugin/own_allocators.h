#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "plugin/allocators.h"

namespace memsnap {

/// A function of a pool or an arena of the user's own, as the user says what it does.
struct OwnFunction {
  std::string name;     ///< as a debugger shows it, with or without the types of its arguments
  EntryPointSpec spec;  ///< without names
};

/// Reads `FUNC[:ROLE=ARG,...]`, as it follows `--alloc` and the other options of `memsnap allocator add`. ROLE is size,
/// count, ptr, pool or out and ARG the number of an argument, from 1 to 6, with an `i` behind it where that is an int;
/// or ROLE is bytes, and ARG the size of every block.
///
/// `kind`: allocate (allocate_out comes of `out`), reallocate, free or free_all.
/// Errors: Code::usage.
Result<OwnFunction> parse_own_function(CallKind kind, std::string_view text);

/// What the option of such a function is called, without dashes: `alloc`, `realloc`, `free`, `free-all`.
std::string_view call_word(CallKind kind);
/// The arguments of an entry point as they are typed: `size=2,pool=1`. Empty where there are none.
std::string argument_words(const EntryPointSpec& spec);

/// The domains that the user added, each with its functions.
class OwnAllocators {
 public:
  /// Adds functions to a domain, which may be there already. Errors: Code::usage, and nothing is added: a name that is
  /// none or that of another allocator, a function that is traced already, one domain too many.
  Result<void> add(std::string_view domain, const std::vector<OwnFunction>& functions);

  /// All functions, in the order they were added. References stay valid.
  const std::deque<EntryPointSpec>& functions() const { return functions_; }

 private:
  std::deque<std::string> texts_;  // that the functions' names lie in
  std::vector<std::string_view> domains_;
  std::deque<EntryPointSpec> functions_;
};

/// Where a module has these functions: every one of the name, local ones too, but for what is in `known` already.
std::vector<EntryPoint> find_own_entry_points(const ElfFile& file, const ElfFile* debug_file,
                                              std::span<const EntryPointSpec* const> functions,
                                              const ModuleEntryPoints& known);

}  // namespace memsnap
