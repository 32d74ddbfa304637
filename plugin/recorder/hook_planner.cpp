#include "plugin/recorder/hook_planner.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <tuple>

#include "core/inject/placement.h"
#include "core/recorder/layout.h"

namespace memsnap {
namespace {

// Room for some hundred stubs with their moved code.
constexpr std::size_t kAreaSize = std::size_t{64} << 10;

// Entry points of one module that lie further apart go without landings.
constexpr std::uint64_t kMostLandings = std::uint64_t{4} << 20;

layout::SiteKind site_kind(CallKind kind) {
  switch (kind) {
    case CallKind::allocate:
      return layout::SiteKind::allocate;
    case CallKind::allocate_out:
      return layout::SiteKind::allocate_out;
    case CallKind::reallocate:
      return layout::SiteKind::reallocate;
    case CallKind::free_all:
      return layout::SiteKind::free_all;
    case CallKind::free:
      break;
  }
  return layout::SiteKind::free;
}

}  // namespace

std::vector<std::byte> hookable_code(const HookableFunction& function, const ElfFile& file) {
  return file.loaded_bytes({{function.offset}, {function.offset + function.room}});
}

bool passes_on(const HookableFunction& function, const ModuleEntryPoints& known, const ElfFile& file) {
  // jmp, by a distance of one byte
  constexpr std::byte kShortJump{0xeb};
  constexpr std::uint64_t kShortJumpSize = 2;
  const auto code = hookable_code(function, file);
  if (function.spec == nullptr || code.size() < kShortJumpSize || code[0] != kShortJump) {
    return false;
  }
  const auto distance = static_cast<std::int8_t>(std::to_integer<std::uint8_t>(code[1]));
  const auto target = function.offset + kShortJumpSize + static_cast<std::uint64_t>(std::int64_t{distance});
  const auto arguments = [](const EntryPointSpec& spec) {
    return std::tie(spec.domain, spec.kind, spec.pointer, spec.size, spec.count);
  };
  return target != function.offset && std::ranges::any_of(known.entry_points, [&](const EntryPoint& other) {
           return other.offset == target && arguments(other.spec) == arguments(*function.spec);
         });
}

AddressRange range_of(const LoadedModule& module) {
  AddressRange range = module.segments.front();
  for (const auto& segment : module.segments) {
    range.begin = std::min(range.begin, segment.begin);
    range.end = std::max(range.end, segment.end);
  }
  return range;
}

std::vector<HookableFunction> hookable_functions(const ModuleEntryPoints& known) {
  // Where an allocator has several ways to free, one may call another: only the outermost counts.
  const bool one_free = std::ranges::count(known.entry_points, CallKind::free,
                                           [](const EntryPoint& entry) { return entry.spec.kind; }) == 1;
  std::vector<HookableFunction> functions;
  for (const auto& entry : known.entry_points) {
    const bool only_free = entry.spec.kind == CallKind::free && one_free;
    const auto& name = entry.spec.name;
    const bool is_glibc = known.is_glibc && (name == "malloc" || name == "calloc" || (name == "free" && only_free));
    functions.push_back({.spec = &entry.spec,
                         .name = entry.spec.name,
                         .offset = entry.offset,
                         .size = entry.size,
                         .room = entry.room,
                         .only_free = only_free,
                         .is_glibc = is_glibc,
                         .families = entry.families,
                         .is_whole = known.c_library != CLibrary::none});
  }
  const auto add = [&functions](std::string_view name, AddressRange code, HookPurpose purpose) {
    if (const auto size = code.end - code.begin; size != 0) {
      functions.push_back({.name = name, .offset = code.begin.value, .size = size, .room = size, .purpose = purpose});
    }
  };
  for (const auto& code : known.passing_deletes) {
    add("operator delete", code, HookPurpose::delete_);
  }
  for (const auto& code : known.find_fde) {
    add("_Unwind_Find_FDE", code, HookPurpose::find_fde);
  }
  for (const auto& code : known.exits) {
    add("_exit", code, HookPurpose::exit);
  }
  add("prctl", known.prctl, HookPurpose::prctl);
  add("syscall", known.syscall, HookPurpose::syscall);
  return functions;
}

std::vector<HookableFunction> hookable_functions(const std::deque<EntryPoint>& own) {
  std::vector<HookableFunction> functions;
  for (const auto& entry : own) {
    functions.push_back(
        {.spec = &entry.spec, .name = entry.spec.name, .offset = entry.offset, .size = entry.size, .room = entry.room});
  }
  return functions;
}

void HookPlanner::prepare(const LoadedModule& module, const ElfFile& file,
                          const std::vector<HookableFunction>& functions) {
  AddressRange wanted;
  for (const auto& function : functions) {
    if (!function.is_needed()) {
      continue;
    }
    const auto patch = patch_address({function.offset + module.bias}, hookable_code(function, file));
    const auto landing = breakpoint_proof_landing(patch);
    if (!landing) {
      return;
    }
    wanted.begin = wanted.end ? std::min(wanted.begin, *landing) : *landing;
    wanted.end = std::max(wanted.end, *landing + kPatchSize);
  }
  wanted = whole_pages(wanted);
  const auto is_there = [wanted](const AddressRange& each) {
    return each.begin <= wanted.begin && wanted.end <= each.end;
  };
  if (wanted.end - wanted.begin > kMostLandings || std::ranges::any_of(landings_, is_there)) {
    return;
  }
  if (mappings_.map(wanted.end - wanted.begin, Protection::read_execute, wanted.begin)) {
    landings_.push_back(wanted);
  }
}

std::optional<Address> HookPlanner::landing_for(Address patch) const {
  const auto landing = breakpoint_proof_landing(patch);
  const auto is_inside = [&](const AddressRange& each) {
    return each.contains(*landing) && each.contains(*landing + (kPatchSize - 1));
  };
  return landing && std::ranges::any_of(landings_, is_inside) ? landing : std::nullopt;
}

Result<NearArea*> HookPlanner::area_for(AddressRange code) {
  const auto within = reachable(code);
  const auto fits = [&](const NearArea& area) {
    constexpr std::uint64_t kRoom = 256;
    const auto range = area.range();
    return within.begin <= range.begin && range.end <= within.end && range.end - area.next() >= kRoom;
  };
  const auto known = std::ranges::find_if(areas_, fits);
  if (known != areas_.end()) {
    return &*known;
  }
  const auto mapped = mapped_ranges(debugger_);
  const auto gap = find_gap(mapped, within, kAreaSize);
  if (!gap) {
    return fail(Code::unsupported, "no free memory is near enough to its code");
  }
  const auto area = mappings_.map(kAreaSize, Protection::read_execute, gap);
  if (!area) {
    return std::unexpected(area.error());
  }
  areas_.emplace_back(AddressRange{*area, *area + kAreaSize});
  return &areas_.back();
}

Result<HookPlan> HookPlanner::plan_in(HookRequest request, NearArea& area) const {
  if (request.way == HookWay::jump) {
    request.landing = landing_for(patch_address(request.entry, request.code));
    if (request.landing) {
      if (auto planned = plan_hook(request, area)) {
        return planned;
      }
      request.landing.reset();
    }
  }
  return plan_hook(request, area);
}

Result<HookPlan> HookPlanner::plan(const HookableFunction& function, const LoadedModule& module, const ElfFile& file,
                                   HookWay way, SiteDomain domain) {
  const auto code = hookable_code(function, file);
  const Address entry{function.offset + module.bias};
  const auto area = area_for({entry, entry + code.size()});
  if (!area) {
    return std::unexpected(area.error());
  }
  const auto site_address = arena_.take(sizeof(layout::Site));
  if (!site_address) {
    return std::unexpected(site_address.error());
  }
  auto to = function.purpose == HookPurpose::delete_    ? recorder_.hook_delete
            : function.purpose == HookPurpose::find_fde ? recorder_.hook_find_fde
            : function.purpose == HookPurpose::exit     ? recorder_.hook_exit
                                                        : recorder_.hook_filter;
  layout::Site site{};
  // What stands before the arguments of prctl.
  site.pointer = function.purpose == HookPurpose::syscall ? 1 : 0;
  if (function.spec != nullptr) {
    to = function.only_free ? (function.is_glibc ? recorder_.hook_glibc_free : recorder_.hook_free)
                            : (function.is_glibc ? recorder_.hook_glibc : recorder_.hook);
    site.kind = site_kind(function.spec->kind);
    site.pointer = function.spec->pointer;
    site.size = function.spec->size;
    site.count = function.spec->count;
    site.domain = domain.number;
    site.space = domain.space;
    site.pool = function.spec->pool;
    site.bytes = function.spec->bytes;
    site.families = function.families;
    site.is_whole = function.is_whole ? 1 : 0;
    site.is_plain = layout::is_plain_site(site) ? 1 : 0;
  }
  const auto size = std::min<std::uint64_t>(function.size, code.size());
  auto planned = plan_in({entry, code, size, *site_address, to, way, std::nullopt}, **area);
  if (!planned) {
    return planned;
  }
  const auto range = domain.space == 0 ? range_of(module) : AddressRange{entry, entry + function.size};
  site.original = planned->moved.address.value;
  site.control = recorder_.control.value;
  site.module_begin = range.begin.value;
  site.module_end = range.end.value;
  if (auto written = debugger_.write(*site_address, std::as_bytes(std::span(&site, 1))); !written) {
    return std::unexpected(written.error());
  }
  if (auto written = write_code(*planned); !written) {
    return std::unexpected(written.error());
  }
  return planned;
}

Result<void> HookPlanner::write_code(const HookPlan& plan) {
  if (auto written = debugger_.write(plan.stub, plan.stub_bytes); !written) {
    return written;
  }
  if (plan.landing) {
    if (auto written = debugger_.write(*plan.landing, plan.landing_bytes); !written) {
      return written;
    }
  }
  return debugger_.write(plan.moved.address, plan.moved.bytes);
}

}  // namespace memsnap
