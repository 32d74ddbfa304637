#include "plugin/recorder/hooks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/inject/placement.h"
#include "core/recorder/layout.h"
#include "core/symbols/symbolizer.h"

namespace memsnap {
namespace {

// Room for some hundred stubs with their moved code.
constexpr std::size_t kAreaSize = std::size_t{64} << 10;

layout::SiteKind site_kind(CallKind kind) {
  switch (kind) {
    case CallKind::allocate:
      return layout::SiteKind::allocate;
    case CallKind::allocate_out:
      return layout::SiteKind::allocate_out;
    case CallKind::reallocate:
      return layout::SiteKind::reallocate;
    case CallKind::free:
      break;
  }
  return layout::SiteKind::free;
}

AddressRange range_of(const LoadedModule& module) {
  AddressRange range = module.segments.front();
  for (const auto& segment : module.segments) {
    range.begin = std::min(range.begin, segment.begin);
    range.end = std::max(range.end, segment.end);
  }
  return range;
}

std::span<const std::byte> as_bytes(const auto& value) { return std::as_bytes(std::span(&value, 1)); }

}  // namespace

Result<NearArea*> Hooks::area_for(AddressRange code) {
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
  const auto mapped = debugger_.mappings();
  const auto gap = find_gap(mapped, within, kAreaSize);
  if (!gap) {
    return fail(Code::unsupported, "no free memory is near enough to its code");
  }
  const auto area = debugger_.allocate(kAreaSize, Protection::read_execute, gap);
  if (!area) {
    return std::unexpected(area.error());
  }
  mapped_ += kAreaSize;
  areas_.emplace_back(AddressRange{*area, *area + kAreaSize});
  return &areas_.back();
}

Result<Hook> Hooks::plan(const Function& function, const LoadedModule& module, const ElfFile& file, bool only_free,
                         std::uint16_t domain) {
  Hook hook;
  hook.name = function.name;
  hook.module_range = range_of(module);
  const auto code = file.loaded_bytes({{function.offset}, {function.offset + function.room}});
  const Address entry{function.offset + module.bias};
  const auto area = area_for({entry, entry + code.size()});
  if (!area) {
    return std::unexpected(area.error());
  }
  const auto site_address = arena_.take(sizeof(layout::Site));
  if (!site_address) {
    return std::unexpected(site_address.error());
  }
  auto to = recorder_.hook_find_fde;
  layout::Site site{};
  if (function.spec != nullptr) {
    to = only_free ? recorder_.hook_free : recorder_.hook;
    site.kind = site_kind(function.spec->kind);
    site.pointer = function.spec->pointer;
    site.size = function.spec->size;
    site.count = function.spec->count;
    site.domain = domain;
  }
  auto planned =
      plan_hook({entry, code, std::min<std::uint64_t>(function.size, code.size()), *site_address, to}, **area);
  if (!planned) {
    return std::unexpected(planned.error());
  }
  hook.plan = std::move(*planned);
  site.original = hook.plan.moved.address.value;
  site.control = recorder_.control.value;
  site.module_begin = hook.module_range.begin.value;
  site.module_end = hook.module_range.end.value;
  if (auto written = debugger_.write(*site_address, as_bytes(site)); !written) {
    return std::unexpected(written.error());
  }
  return hook;
}

Result<void> Hooks::check_breakpoints(const Hook& hook) {
  const auto& moved = hook.plan.moved;
  // At the first byte one is served as ever; the bytes behind it are not run any more, or are the jump's target.
  const auto inside = debugger_.user_breakpoints({moved.patch + 1, moved.patch + moved.patch_size});
  if (!inside.empty()) {
    return fail(Code::unsupported,
                fmt::format("there is a breakpoint among its first instructions, at {:#x}", inside.front().value));
  }
  // The file's bytes, but for what the debugger itself has put there.
  std::vector<std::byte> now(hook.plan.original.size());
  if (debugger_.memory().read(moved.patch, now) != now.size()) {
    return fail(Code::unsupported, "its code cannot be read");
  }
  constexpr std::byte kBreakpoint{0xcc};
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i] != hook.plan.original[i] && now[i] != kBreakpoint) {
      return fail(Code::unsupported, "its code in memory is not that of its file");
    }
  }
  return {};
}

Result<void> Hooks::write_code(const Hook& hook) {
  if (auto written = debugger_.write(hook.plan.stub, hook.plan.stub_bytes); !written) {
    return written;
  }
  return debugger_.write(hook.plan.moved.address, hook.plan.moved.bytes);
}

Result<void> Hooks::add_module(const LoadedModule& module, const Module& names, std::vector<std::string>& domains) {
  const auto& known = entry_points_.of(module.id);
  if (known.entry_points.empty() && known.find_fde.empty()) {
    return {};
  }
  const auto module_range = range_of(module);
  const auto is_there = [&](const Hook& hook) { return hook.module_range == module_range; };
  if (std::ranges::any_of(hooks_, is_there)) {
    return {};
  }
  const auto file = ElfFile::open(names.path);
  if (!file) {
    return std::unexpected(file.error());
  }
  std::vector<Function> functions;
  for (const auto& entry : known.entry_points) {
    functions.push_back({&entry.spec, entry.spec.name, entry.offset, entry.size, entry.room});
  }
  for (const auto& code : known.find_fde) {
    const auto size = code.end - code.begin;
    functions.push_back({nullptr, "_Unwind_Find_FDE", code.begin.value, size, size});
  }
  // Where an allocator has several ways to free, one may call another: only the outermost counts.
  const bool one_free = std::ranges::count(known.entry_points, CallKind::free,
                                           [](const EntryPoint& entry) { return entry.spec.kind; }) == 1;
  std::vector<Hook> planned;
  for (const auto& function : functions) {
    std::string domain;
    std::size_t number = 0;
    if (function.spec != nullptr) {
      domain = function.spec->domain;
      number = static_cast<std::size_t>(std::ranges::find(domains, domain) - domains.begin());
      if (number == domains.size()) {
        domains.push_back(domain);
      }
    }
    const bool only_free = function.spec != nullptr && function.spec->kind == CallKind::free && one_free;
    auto hook = plan(function, module, *file, only_free, static_cast<std::uint16_t>(number));
    if (hook) {
      if (auto usable = check_breakpoints(*hook); !usable) {
        hook = std::unexpected(usable.error());
      }
    }
    if (!hook) {
      return fail(Code::unsupported, fmt::format("{} in {} cannot be hooked: {}", demangle(std::string(function.name)),
                                                 base_name(names.path), hook.error().message));
    }
    hook->domain = std::move(domain);
    hook->module = base_name(names.path);
    planned.push_back(std::move(*hook));
  }
  std::vector<Hook*> all;
  for (auto& hook : planned) {
    if (auto written = write_code(hook); !written) {
      return written;
    }
    all.push_back(&hook);
  }
  if (auto placed = place(std::move(all)); !placed) {
    return placed;
  }
  std::ranges::move(planned, std::back_inserter(hooks_));
  return {};
}

Result<void> Hooks::move_threads(const std::vector<Hook*>& hooks) {
  for (const auto thread : debugger_.threads()) {
    const auto pc = debugger_.read_register(thread, Register::rip);
    if (!pc) {
      continue;
    }
    for (const auto* hook : hooks) {
      const auto& moved = hook->plan.moved;
      if (*pc <= moved.patch.value || *pc >= (moved.patch + moved.patch_size).value) {
        continue;
      }
      const auto to = moved.moved_address({*pc});
      if (!to) {
        return fail(Code::unsupported, fmt::format("a thread is in the middle of {}", hook->name));
      }
      if (auto set = debugger_.set_pc(thread, *to); !set) {
        return set;
      }
    }
  }
  return {};
}

Result<void> Hooks::place(std::vector<Hook*> hooks) {
  std::erase_if(hooks, [](const Hook* hook) { return hook->in_place; });
  if (auto moved = move_threads(hooks); !moved) {
    return moved;
  }
  for (auto* hook : hooks) {
    if (auto written = debugger_.write(hook->plan.moved.patch, hook->plan.patched); !written) {
      // All or nothing: a block that comes through one of them must go through another.
      for (auto* placed : hooks) {
        if (placed->in_place) {
          placed->in_place = !debugger_.write(placed->plan.moved.patch, placed->plan.original);
        }
      }
      return written;
    }
    hook->in_place = true;
  }
  return {};
}

void Hooks::drop_unmapped(const ModuleMap& modules) {
  std::erase_if(hooks_, [&](const Hook& hook) {
    const auto* module = modules.find(hook.plan.entry);
    return module == nullptr || range_of(*module) != hook.module_range;
  });
}

Result<void> Hooks::place_all() {
  std::vector<Hook*> all;
  for (auto& hook : hooks_) {
    all.push_back(&hook);
  }
  return place(std::move(all));
}

void Hooks::remove_all() {
  for (auto& hook : hooks_) {
    if (hook.in_place) {
      hook.in_place = !debugger_.write(hook.plan.moved.patch, hook.plan.original);
    }
  }
}

void Hooks::adopt(std::vector<Hook> hooks, std::vector<NearArea> areas) {
  hooks_ = std::move(hooks);
  areas_ = std::move(areas);
}

}  // namespace memsnap
