#include "plugin/recorder/hooks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "core/recorder/layout.h"
#include "core/symbols/symbolizer.h"

namespace memsnap {
namespace {

std::size_t number_of(const std::string& name, const std::vector<std::string>& names) {
  return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

std::size_t intern(const std::string& name, std::vector<std::string>& names) {
  const auto number = number_of(name, names);
  if (number == names.size()) {
    names.push_back(name);
  }
  return number;
}

constexpr std::uint8_t kNewFamilies = layout::kNewFamily | layout::kNewArrayFamily;

// The bytes behind the first that a jump takes away: a breakpoint at the first is served as ever.
AddressRange bent_by(const HookPlan& jump) { return {jump.moved.patch + 1, jump.moved.patch + jump.moved.patch_size}; }

// Without those that pass on to another: which of the two a call came by is not seen there.
void drop_passing_on(std::vector<HookableFunction>& functions, const ModuleEntryPoints& known, const ElfFile& file) {
  const auto dropped =
      std::erase_if(functions, [&](const HookableFunction& function) { return passes_on(function, known, file); });
  for (auto& function : functions) {
    function.families |= dropped != 0 && (function.families & kNewFamilies) != 0 ? kNewFamilies : 0;
  }
}

std::unexpected<Error> cannot_be_hooked(std::string_view function, std::string_view module, const Error& why) {
  return fail(Code::unsupported,
              fmt::format("{} in {} cannot be hooked: {}", demangle(std::string(function)), module, why.message));
}

}  // namespace

bool Hooks::is_hooked(const HookableFunction& function, const LoadedModule& module) const {
  const Address entry{function.offset + module.bias};
  return std::ranges::any_of(hooks_, [&](const Hook& hook) { return hook.plan.entry == entry; });
}

Result<void> Hooks::check_code(const HookPlan& plan, const HookableFunction& function, const ElfFile& file) {
  const auto code = hookable_code(function, file);
  const auto behind_entry = std::span(code).subspan(plan.moved.patch - plan.entry);
  const auto in_file = behind_entry.first(std::min<std::size_t>(plan.moved.patch_size, behind_entry.size()));
  // The file's bytes, but for what the debugger itself has put there.
  std::vector<std::byte> now(in_file.size());
  if (debugger_.memory().read(plan.moved.patch, now) != now.size()) {
    return fail(Code::unsupported, "its code cannot be read");
  }
  constexpr std::byte kBreakpoint{0xcc};
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i] != in_file[i] && now[i] != kBreakpoint) {
      return fail(Code::unsupported, "its code in memory is not that of its file");
    }
  }
  return {};
}

Result<Hook> Hooks::make_hook(const HookableFunction& function, const LoadedModule& module, const ElfFile& file,
                              HookPlanner::SiteDomain domain) {
  Hook hook;
  hook.name = function.name;
  if (function.spec != nullptr) {
    hook.domain = function.spec->domain;
    hook.call = call_word(function.spec->kind);
    hook.arguments = argument_words(*function.spec);
    hook.is_own = function.spec->is_own;
  }
  hook.module_range = range_of(module);
  auto jump = planner_.plan(function, module, file, HookWay::jump, domain);
  const bool is_free = jump && debugger_.user_breakpoints(bent_by(*jump)).empty();
  if (is_free) {
    hook.plan = std::move(*jump);
  } else {
    auto breakpoint = planner_.plan(function, module, file, HookWay::breakpoint, domain);
    if (!breakpoint) {
      return std::unexpected(jump ? breakpoint.error() : jump.error());
    }
    hook.plan = std::move(*breakpoint);
    if (jump) {
      hook.other = std::move(*jump);
    }
  }
  if (auto checked = check_code(hook.plan, function, file); !checked) {
    return std::unexpected(checked.error());
  }
  return hook;
}

Result<void> Hooks::add_module(const LoadedModule& module, const Module& names, std::vector<std::string>& domains) {
  const auto& known = entry_points_.of(module.id);
  auto functions = hookable_functions(known);
  const auto module_range = range_of(module);
  const auto is_there = [&](const Hook& hook) { return !hook.is_own && hook.module_range == module_range; };
  const auto is_exit = [](const HookableFunction& function) { return function.purpose == HookPurpose::exit; };
  // A process that was run for the debugger ends with it: breakpoints are as good there.
  if (debugger_.was_launched()) {
    std::erase_if(functions, is_exit);
  }
  if (std::ranges::any_of(hooks_, is_there)) {
    // One that was run for an earlier debugger has no hook yet where it ends.
    std::erase_if(functions,
                  [&](const HookableFunction& function) { return !is_exit(function) || is_hooked(function, module); });
  }
  if (functions.empty()) {
    return {};
  }
  const auto file = ElfFile::open(names.path);
  if (!file) {
    return std::unexpected(file.error());
  }
  drop_passing_on(functions, known, *file);
  planner_.prepare(module, *file, functions);
  const std::string module_name(base_name(names.path));
  std::vector<Hook> planned;
  for (const auto& function : functions) {
    HookPlanner::SiteDomain domain;
    if (function.spec != nullptr) {
      domain.number = static_cast<std::uint16_t>(intern(std::string(function.spec->domain), domains));
    }
    auto hook = make_hook(function, module, *file, domain);
    if (!hook && !function.is_needed()) {
      continue;
    }
    if (!hook) {
      return cannot_be_hooked(function.name, module_name, hook.error());
    }
    hook->module = module_name;
    planned.push_back(std::move(*hook));
  }
  std::vector<Hook*> all;
  for (auto& hook : planned) {
    all.push_back(&hook);
  }
  if (auto placed = place(std::move(all)); !placed) {
    return placed;
  }
  std::ranges::move(planned, std::back_inserter(hooks_));
  return {};
}

Result<void> Hooks::add_own(const LoadedModule& module, const Module& names, std::vector<std::string>& domains,
                            std::vector<std::string>& spaces) {
  auto functions = hookable_functions(entry_points_.own(module.id));
  std::erase_if(functions, [&](const HookableFunction& function) { return is_hooked(function, module); });
  if (functions.empty()) {
    return {};
  }
  const auto file = ElfFile::open(names.path);
  if (!file) {
    return std::unexpected(file.error());
  }
  planner_.prepare(module, *file, functions);
  const std::string module_name(base_name(names.path));
  Result<void> all;
  for (const auto& function : functions) {
    const std::string name(function.spec->domain);
    const auto space = intern(name, spaces) + 1;
    auto hook = space >= layout::kSpaces
                    ? fail(Code::unsupported, "there are too many allocators of your own in the process")
                    : make_hook(function, module, *file,
                                {static_cast<std::uint16_t>(intern(name, domains)), static_cast<std::uint8_t>(space)});
    auto placed = hook ? place({&*hook}) : std::unexpected(hook.error());
    if (!placed) {
      all = all ? cannot_be_hooked(function.name, module_name, placed.error()) : std::move(all);
      continue;
    }
    hook->module = module_name;
    hooks_.push_back(std::move(*hook));
  }
  return all;
}

Result<void> Hooks::move_threads(const std::vector<Hook*>& hooks) {
  for (const auto thread : debugger_.threads()) {
    const auto pc = debugger_.read_register(thread, Register::rip);
    if (!pc) {
      continue;
    }
    for (const auto* hook : hooks) {
      if (hook->plan.way != HookWay::jump || !bent_by(hook->plan).contains({*pc})) {
        continue;
      }
      const auto to = hook->plan.moved.moved_address({*pc});
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

Result<void> Hooks::place_one(Hook& hook) {
  if (hook.plan.way == HookWay::jump) {
    if (auto written = debugger_.write(hook.plan.moved.patch, hook.plan.patched); !written) {
      return written;
    }
  } else {
    const auto breakpoint = debugger_.set_breakpoint(hook.plan.moved.patch);
    if (!breakpoint) {
      return std::unexpected(breakpoint.error());
    }
    hook.breakpoint = *breakpoint;
  }
  hook.in_place = true;
  return {};
}

void Hooks::remove(Hook& hook) {
  if (hook.breakpoint) {
    debugger_.remove_breakpoints(std::array{*std::exchange(hook.breakpoint, std::nullopt)});
    hook.in_place = false;
  } else if (hook.in_place) {
    hook.in_place = !debugger_.write(hook.plan.moved.patch, hook.plan.original);
  }
}

Result<void> Hooks::place(std::vector<Hook*> hooks) {
  std::erase_if(hooks, [](const Hook* hook) { return hook->in_place; });
  if (auto moved = move_threads(hooks); !moved) {
    return moved;
  }
  for (auto* hook : hooks) {
    if (auto placed = place_one(*hook); !placed) {
      // All or nothing: a block that comes through one of them must go through another.
      for (auto* each : hooks) {
        remove(*each);
      }
      return placed;
    }
  }
  return {};
}

void Hooks::drop_unmapped(const ModuleMap& modules) {
  std::erase_if(hooks_, [&](Hook& hook) {
    const auto* module = modules.find(hook.plan.entry);
    const bool is_gone = module == nullptr || range_of(*module) != hook.module_range;
    if (is_gone && hook.breakpoint) {
      remove(hook);
    }
    return is_gone;
  });
}

// To the other way.
Result<void> Hooks::turn(Hook& hook, const ModuleMap& modules, const ModuleTable& names,
                         HookPlanner::SiteDomain domain) {
  if (!hook.other) {
    const auto* module = modules.find(hook.plan.entry);
    if (module == nullptr) {
      return {};
    }
    const auto file = ElfFile::open(names.get(module->id).path);
    if (!file) {
      return std::unexpected(file.error());
    }
    const auto& known = entry_points_.of(module->id);
    auto functions = hook.is_own ? hookable_functions(entry_points_.own(module->id)) : hookable_functions(known);
    drop_passing_on(functions, known, *file);
    const auto function = std::ranges::find(functions, hook.plan.entry.value - module->bias, &HookableFunction::offset);
    if (function == functions.end()) {
      return {};
    }
    auto planned = planner_.plan(*function, *module, *file, HookWay::breakpoint, domain);
    if (!planned) {
      return std::unexpected(planned.error());
    }
    hook.other = std::move(*planned);
  }
  remove(hook);
  if (hook.in_place) {
    return fail(Code::unsupported, "its code cannot be put back");
  }
  std::swap(hook.plan, *hook.other);
  return place({&hook});
}

Result<bool> Hooks::adapt(const ModuleMap& modules, const ModuleTable& names, const std::vector<std::string>& domains,
                          const std::vector<std::string>& spaces) {
  const auto users = debugger_.user_breakpoints({{0}, {~std::uint64_t{0}}});
  Result<bool> changed = false;
  for (auto& hook : hooks_) {
    const bool is_jump = hook.plan.way == HookWay::jump;
    if (!hook.in_place || (!is_jump && !hook.other)) {
      continue;
    }
    const auto range = bent_by(is_jump ? hook.plan : *hook.other);
    const bool is_bent = std::ranges::any_of(users, [&](Address each) { return range.contains(each); });
    if (is_bent != is_jump) {
      continue;
    }
    HookPlanner::SiteDomain domain;
    if (!hook.domain.empty()) {
      domain.number = static_cast<std::uint16_t>(number_of(hook.domain, domains));
      domain.space = static_cast<std::uint8_t>(hook.is_own ? number_of(hook.domain, spaces) + 1 : 0);
    }
    if (auto turned = turn(hook, modules, names, domain); !turned) {
      changed = cannot_be_hooked(hook.name, hook.module, turned.error());
    } else if (changed) {
      changed = true;
    }
  }
  return changed;
}

std::optional<Address> Hooks::stub_behind(Address address) const {
  const auto found = std::ranges::find_if(
      hooks_, [address](const Hook& hook) { return hook.breakpoint && hook.plan.moved.patch == address; });
  return found == hooks_.end() ? std::nullopt : std::optional(found->plan.stub);
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
    remove(hook);
  }
}

void Hooks::forget_breakpoints() {
  for (auto& hook : hooks_) {
    if (hook.breakpoint) {
      remove(hook);
    }
  }
}

}  // namespace memsnap
