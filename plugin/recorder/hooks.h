#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/module.h"
#include "plugin/recorder/hook_planner.h"

namespace memsnap {

/// A hooked function.
struct Hook {
  std::string domain;     ///< empty for what is no entry point of an allocator
  std::string name;       ///< as in the symbol table, or as the user says it
  std::string call;       ///< what it does, see call_word
  std::string arguments;  ///< see argument_words
  bool is_own = false;    ///< whether the user added it
  std::string module;     ///< base name
  AddressRange module_range;
  HookPlan plan;                           ///< how its calls are caught
  std::optional<HookPlan> other;           ///< the other way to, once that was laid out
  bool in_place = false;                   ///< whether they are
  std::optional<BreakpointId> breakpoint;  ///< that catches them, where it is in place and that is its way
};

/// The hooks in one process: where they are, and how they come and go.
///
/// A jump is what a hook is. Where there can be none (the code is too short, or jumps into its own first instructions),
/// or where it would be in the way of a breakpoint that the user has among those instructions, a breakpoint of ours
/// catches the calls instead, and sends them the same way. That costs a stop each, but only of this one entry point.
class Hooks {
 public:
  Hooks(Debugger& debugger, EntryPoints& entry_points, InferiorMappings& mappings, InferiorArena& arena,
        const RecorderAddresses& recorder)
      : debugger_(debugger), entry_points_(entry_points), planner_(debugger, mappings, arena, recorder) {}

  HookPlanner& planner() { return planner_; }
  const HookPlanner& planner() const { return planner_; }

  /// Hooks all of a module, or nothing. `domains` gives the numbers that sites have. Threads that are in the bytes to
  /// be replaced are moved on. Errors: Code::unsupported with the entry point and the reason.
  Result<void> add_module(const LoadedModule& module, const Module& names, std::vector<std::string>& domains);
  /// Hooks what the user added of a module and what is not hooked yet, as far as that can be. `spaces` is who has which
  /// space, from 1 on. Errors: the first of what could not be hooked.
  Result<void> add_own(const LoadedModule& module, const Module& names, std::vector<std::string>& domains,
                       std::vector<std::string>& spaces);
  /// Forgets the hooks of modules that are no longer where they were.
  void drop_unmapped(const ModuleMap& modules);

  /// Gets out of the way of breakpoints that the user has set meanwhile, and back where they are gone. Not while a
  /// thread runs. Returns: whether anything changed. Errors: as of add_module; other hooks are as they should be.
  Result<bool> adapt(const ModuleMap& modules, const ModuleTable& names, const std::vector<std::string>& domains,
                     const std::vector<std::string>& spaces);
  /// Where a thread goes on that has hit a breakpoint at `address`; nullopt where that is not one of a hook.
  std::optional<Address> stub_behind(Address address) const;

  /// Puts back what was taken out, or was never in place. Threads inside a hook go on there.
  Result<void> place_all();
  /// Puts every function's own bytes back.
  void remove_all();
  /// Takes the breakpoints out of a process that is gone.
  void forget_breakpoints();

  const std::vector<Hook>& hooks() const { return hooks_; }
  void adopt(std::vector<Hook> hooks) { hooks_ = std::move(hooks); }

 private:
  bool is_hooked(const HookableFunction& function, const LoadedModule& module) const;
  Result<Hook> make_hook(const HookableFunction& function, const LoadedModule& module, const ElfFile& file,
                         HookPlanner::SiteDomain domain);
  Result<void> check_code(const HookPlan& plan, const HookableFunction& function, const ElfFile& file);
  Result<void> move_threads(const std::vector<Hook*>& hooks);
  Result<void> place(std::vector<Hook*> hooks);
  Result<void> place_one(Hook& hook);
  void remove(Hook& hook);
  Result<void> turn(Hook& hook, const ModuleMap& modules, const ModuleTable& names, HookPlanner::SiteDomain domain);

  Debugger& debugger_;
  EntryPoints& entry_points_;
  HookPlanner planner_;
  std::vector<Hook> hooks_;
};

}  // namespace memsnap
