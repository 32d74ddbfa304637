#include "core/inject/hook_plan.h"

#include <algorithm>

#include "core/inject/code_writer.h"

namespace memsnap {
namespace {

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

}  // namespace

bool NearArea::take_until(Address end) {
  if (end < next_ || end > range_.end) {
    return false;
  }
  next_ = end;
  return true;
}

Result<HookPlan> plan_hook(const HookRequest& request, NearArea& area) {
  HookPlan plan;
  plan.entry = request.entry;
  plan.stub = area.next();
  plan.stub_bytes = make_stub(plan.stub, request);

  NearArea behind({plan.stub + kStubSize, area.range().end});
  auto moved = relocate({request.entry, request.code, request.size}, behind.next());
  if (!moved) {
    return std::unexpected(moved.error());
  }
  plan.moved = std::move(*moved);
  if (!is_in_reach(plan.moved.patch + kPatchSize, plan.stub)) {
    return fail(Code::unsupported, "the area for its stub is out of reach", request.entry);
  }
  const auto offset = plan.moved.patch - request.entry;
  std::ranges::copy(request.code.subspan(offset, kPatchSize), plan.original.begin());
  CodeWriter patch(plan.moved.patch);
  patch.jump(plan.stub);
  std::ranges::copy(patch.take(), plan.patched.begin());

  if (!area.take_until(plan.moved.address + plan.moved.bytes.size())) {
    return fail(Code::unsupported, "the area for its stub is full", request.entry);
  }
  return plan;
}

}  // namespace memsnap
