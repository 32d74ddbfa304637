#include "core/inject/hook_plan.h"

#include <algorithm>

#include "core/inject/code_writer.h"
#include "core/inject/instruction.h"

namespace memsnap {
namespace {

std::array<std::byte, kPatchSize> jump(Address from, Address to) {
  CodeWriter writer(from);
  writer.jump(to);
  std::array<std::byte, kPatchSize> bytes{};
  std::ranges::copy(writer.take(), bytes.begin());
  return bytes;
}

std::array<std::byte, kStubSize> make_stub(Address stub, const HookRequest& request) {
  CodeWriter writer(stub);
  writer.byte(0x49);  // movabs $site, %r11
  writer.byte(0xbb);
  writer.quad(request.site.value);
  writer.byte(0xff);  // jmp *0(%rip)
  writer.byte(0x25);
  writer.relative(writer.end() + 4);
  writer.quad(request.hook.value);
  std::array<std::byte, kStubSize> bytes{};
  std::ranges::copy(writer.take(), bytes.begin());
  return bytes;
}

Result<void> add_jump(HookPlan& plan, const HookRequest& request) {
  const auto behind = plan.moved.patch + kPatchSize;
  if (!is_in_reach(behind, plan.stub) ||
      (request.landing &&
       !(is_in_reach(behind, *request.landing) && is_in_reach(*request.landing + kPatchSize, plan.stub)))) {
    return fail(Code::unsupported, "the area for its stub is out of reach", request.entry);
  }
  std::ranges::copy(request.code.subspan(plan.moved.patch - request.entry, kPatchSize), plan.original.begin());
  plan.patched = jump(plan.moved.patch, request.landing.value_or(plan.stub));
  plan.landing = request.landing;
  if (plan.landing) {
    plan.landing_bytes = jump(*plan.landing, plan.stub);
  }
  return {};
}

}  // namespace

bool NearArea::take_until(Address end) {
  if (end < next_ || end > range_.end) {
    return false;
  }
  next_ = end;
  return true;
}

std::optional<Address> breakpoint_proof_landing(Address patch) {
  constexpr std::uint64_t kDistance = 0x33333334;  // -0xcccccccc, as a distance has 32 bits
  const auto behind = patch.value + kPatchSize;
  return behind > kDistance ? std::optional(Address{behind - kDistance}) : std::nullopt;
}

Address patch_address(Address entry, std::span<const std::byte> code) {
  const auto first = decode_instruction(code, entry);
  return first && first->is_endbr64 ? entry + first->length : entry;
}

Result<HookPlan> plan_hook(const HookRequest& request, NearArea& area) {
  HookPlan plan;
  plan.way = request.way;
  plan.entry = request.entry;
  plan.stub = area.next();
  plan.stub_bytes = make_stub(plan.stub, request);

  NearArea behind({plan.stub + kStubSize, area.range().end});
  auto moved = relocate({request.entry, request.code, request.size}, behind.next(),
                        request.way == HookWay::jump ? kPatchSize : kBreakpointSize);
  if (!moved) {
    return std::unexpected(moved.error());
  }
  plan.moved = std::move(*moved);
  if (request.way == HookWay::jump) {
    if (auto added = add_jump(plan, request); !added) {
      return std::unexpected(added.error());
    }
  }
  if (!area.take_until(plan.moved.address + plan.moved.bytes.size())) {
    return fail(Code::unsupported, "the area for its stub is full", request.entry);
  }
  return plan;
}

}  // namespace memsnap
