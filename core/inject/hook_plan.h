#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/address.h"
#include "core/inject/relocate.h"
#include "core/result.h"

namespace memsnap {

/// Room for stubs and moved code near the code they belong to, given out from its begin on.
class NearArea {
 public:
  explicit NearArea(AddressRange range) : range_(range), next_(range.begin) {}

  /// Where the next bytes go, aligned to 16.
  Address next() const { return {(next_.value + 15) & ~std::uint64_t{15}}; }
  /// Gives out what lies below `end`; false, and nothing is given out, where that is beyond the area.
  bool take_until(Address end);
  AddressRange range() const { return range_; }
  /// What has been given out.
  AddressRange used() const { return {range_.begin, next_}; }

 private:
  AddressRange range_;
  Address next_;
};

/// How a call of an entry point gets to its stub.
enum class HookWay : std::uint8_t {
  jump,        ///< a jump stands where its first instructions were
  breakpoint,  ///< a breakpoint is at its first instruction, and who hits it is sent to the stub
};

/// An entry point to be hooked.
struct HookRequest {
  Address entry;                    ///< at run time
  std::span<const std::byte> code;  ///< as FunctionCode::bytes
  std::uint64_t size = 0;           ///< as FunctionCode::size
  Address site;                     ///< the layout::Site that the hook finds in r11
  Address hook;                     ///< the code that every call goes to
  HookWay way = HookWay::jump;
  std::optional<Address> landing{};  ///< see HookPlan; for a jump alone
};

inline constexpr std::size_t kStubSize = 24;

/// What has to be written where, for the calls of one entry point to go through the hook: entry, landing if there is
/// one, stub, hook, and from there `moved`, whose address belongs into layout::Site::original. Written in the order
/// stub, moved code, landing, patch; to undo it, `original` goes back to where `patched` went, while the others stay
/// for those still in them.
struct HookPlan {
  HookWay way = HookWay::jump;
  Address entry;
  std::array<std::byte, kPatchSize> original{};  ///< at moved.patch
  std::array<std::byte, kPatchSize> patched{};   ///< `jmp landing` or `jmp stub`; nothing is written for a breakpoint
  std::optional<Address> landing;
  std::array<std::byte, kPatchSize> landing_bytes{};  ///< `jmp stub`
  Address stub;
  std::array<std::byte, kStubSize> stub_bytes{};
  MovedCode moved;

  bool operator==(const HookPlan&) const = default;
};

/// Where the jump at `patch` would have to land for all bytes of its distance to be those of a breakpoint (int3, 0xcc):
/// then a breakpoint that somebody sets among the replaced bytes does not bend the jump. nullopt where no address is so
/// far below.
std::optional<Address> breakpoint_proof_landing(Address patch);

/// Where the patch of an entry point with this code goes: the entry itself, or behind its endbr64.
Address patch_address(Address entry, std::span<const std::byte> code);

/// Plans a hook. Stub and moved code are laid out in `area`, which stays as it was where that fails.
///
/// Errors: Code::unsupported with the reason: those of relocate(); an area that is full or out of reach.
Result<HookPlan> plan_hook(const HookRequest& request, NearArea& area);

}  // namespace memsnap
