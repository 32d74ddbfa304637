#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/address.h"
#include "core/result.h"

namespace memsnap {

/// Bytes that a `jmp rel32` takes the place of.
inline constexpr std::size_t kPatchSize = 5;

/// Bytes that a breakpoint takes the place of.
inline constexpr std::size_t kBreakpointSize = 1;

/// A function whose first instructions shall make room for a patch.
struct FunctionCode {
  Address address;  ///< at run time
  /// All its code as the file has it, and of what lies behind it as much as is known to belong to no other function:
  /// it must end where the next symbol begins.
  std::span<const std::byte> bytes;
  /// Of its code in `bytes`; 0: not known, and taken to end where nothing flows on, or where `bytes` do.
  std::uint64_t size = 0;
};

/// Where an instruction was and is. Both in bytes, from MovedCode::patch and MovedCode::address on.
struct MovedInstruction {
  std::uint32_t original = 0;
  std::uint32_t moved = 0;

  auto operator<=>(const MovedInstruction&) const = default;
};

/// The first instructions of a function as they read at another address, where they go on into the rest of it.
struct MovedCode {
  Address patch;                 ///< where the first of them was: the function's start, or behind its endbr64
  std::uint32_t patch_size = 0;  ///< bytes that nothing may run any more where they were: at least those of the patch
  Address address;
  std::vector<std::byte> bytes;
  std::vector<MovedInstruction> instructions;  ///< ascending

  bool operator==(const MovedCode&) const = default;

  /// Where a thread goes on that was about to run the instruction at `pc`; nullopt where `pc` is at none of those
  /// moved. At `patch` itself it may as well stay: it goes through the patch then.
  std::optional<Address> moved_address(Address pc) const;
};

/// Moves as many of the first instructions as a patch of `patch_bytes` covers to `destination`, so that they do what
/// they did: only the address they run at differs. A call among them leaves the return address that it always left.
///
/// Errors: Code::unsupported with the reason and the address of the instruction that is it: bytes that are no
///         instruction; a branch, a call or an operand elsewhere in the function that goes into the bytes to be
///         replaced; code that is too short, and not followed by enough padding; a call behind which more would have
///         to be moved; an operand out of reach from `destination`. Code that other functions jump into, or that is
///         found by a computed jump only, cannot be told.
/// Source: Intel SDM, volume 2.
Result<MovedCode> relocate(const FunctionCode& function, Address destination, std::size_t patch_bytes = kPatchSize);

}  // namespace memsnap
