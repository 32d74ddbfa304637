#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/inject/hook_plan.h"
#include "core/module.h"
#include "plugin/debugger.h"
#include "plugin/entry_points.h"
#include "plugin/recorder/inferior_arena.h"

namespace memsnap {

/// A hooked function.
struct Hook {
  std::string domain;  ///< empty for what is no entry point of an allocator
  std::string name;    ///< as in the symbol table
  std::string module;  ///< base name
  AddressRange module_range;
  HookPlan plan;
  bool in_place = false;
};

/// The recorder's code and data as they lie in the inferior.
struct RecorderAddresses {
  Address code;  ///< its image's first byte
  Address code_end;
  Address control;  ///< its layout::Control
  Address hook;     ///< run-time addresses of the image's functions
  Address hook_free;
  Address hook_find_fde;
};

/// The hooks in one process: where they are, and how they come and go.
class Hooks {
 public:
  Hooks(Debugger& debugger, EntryPoints& entry_points, InferiorArena& arena, const RecorderAddresses& recorder)
      : debugger_(debugger), entry_points_(entry_points), arena_(arena), recorder_(recorder) {}

  /// Code that belongs to nobody yet, for stubs.
  void add_area(AddressRange range) { areas_.emplace_back(range); }

  /// Hooks all of a module, or nothing. `domains` gives the numbers that sites have. Threads that are in the bytes to
  /// be replaced are moved on. Errors: Code::unsupported with the entry point and the reason.
  Result<void> add_module(const LoadedModule& module, const Module& names, std::vector<std::string>& domains);
  /// Forgets the hooks of modules that are no longer where they were.
  void drop_unmapped(const ModuleMap& modules);

  /// Puts back what was taken out, or was never in place. Threads inside a hook go on there.
  Result<void> place_all();
  /// Puts every function's own bytes back.
  void remove_all();

  const std::vector<Hook>& hooks() const { return hooks_; }
  void adopt(std::vector<Hook> hooks, std::vector<NearArea> areas);
  const std::vector<NearArea>& areas() const { return areas_; }
  /// Bytes mapped for stubs.
  std::uint64_t mapped() const { return mapped_; }

 private:
  struct Function {
    const EntryPointSpec* spec = nullptr;  // nullptr: the search for unwind information
    std::string_view name;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t room = 0;
  };

  Result<Hook> plan(const Function& function, const LoadedModule& module, const ElfFile& file, bool only_free,
                    std::uint16_t domain);
  Result<NearArea*> area_for(AddressRange code);
  Result<void> check_breakpoints(const Hook& hook);
  Result<void> move_threads(const std::vector<Hook*>& hooks);
  Result<void> write_code(const Hook& hook);
  Result<void> place(std::vector<Hook*> hooks);

  Debugger& debugger_;
  EntryPoints& entry_points_;
  InferiorArena& arena_;
  RecorderAddresses recorder_;
  std::vector<NearArea> areas_;
  std::vector<Hook> hooks_;
  std::uint64_t mapped_ = 0;
};

}  // namespace memsnap
