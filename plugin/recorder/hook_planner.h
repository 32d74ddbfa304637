#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/elf/elf_file.h"
#include "core/inject/hook_plan.h"
#include "core/module.h"
#include "core/recorder/layout.h"
#include "plugin/debugger.h"
#include "plugin/entry_points.h"
#include "plugin/recorder/inferior_arena.h"

namespace memsnap {

/// The recorder's code and data as they lie in the inferior.
struct RecorderAddresses {
  Address code;  ///< its image's first byte
  Address code_end;
  Address control;  ///< its layout::Control
  Address hook;     ///< run-time addresses of the image's functions
  Address hook_free;
  Address hook_glibc;
  Address hook_glibc_free;
  Address hook_find_fde;
  Address hook_delete;
  Address hook_filter;
  Address hook_exit;
  Address passed;   ///< RecorderImage::passed
  Address exiting;  ///< RecorderImage::exiting
  Address faulted;  ///< RecorderImage::faulted
};

/// What a function that is hooked is for.
enum class HookPurpose : std::uint8_t {
  entry_point,  ///< of an allocator
  delete_,      ///< the C++ library's `operator delete`, which goes on to free
  find_fde,     ///< the C++ run time's search for unwind information
  prctl,        ///< a filter of system calls may come by it
  syscall,      ///< or by this
  exit,         ///< ends the process
};

/// A function to be hooked, as its module's file has it.
struct HookableFunction {
  const EntryPointSpec* spec = nullptr;  ///< nullptr where it is no entry point
  std::string_view name;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t room = 0;
  bool only_free = false;  ///< takes a block, and calls no other entry point
  bool is_glibc = false;   ///< of malloc, calloc and free in a module that ModuleEntryPoints::is_glibc
  HookPurpose purpose = HookPurpose::entry_point;
  std::uint8_t families = layout::kAnyFamily;  ///< of layout::Site
  bool is_whole = false;                       ///< the same

  /// Whether recording is not right without it. Most programs put no filter on themselves, and their end is not
  /// recorded.
  bool is_needed() const { return purpose == HookPurpose::entry_point || purpose == HookPurpose::find_fde; }
};

/// All of a module that is hooked, whatever the user added. Refers to `known`.
std::vector<HookableFunction> hookable_functions(const ModuleEntryPoints& known);

/// What the user added of it. Refers to `own`.
std::vector<HookableFunction> hookable_functions(const std::deque<EntryPoint>& own);

/// Its code as the file has it, and what follows it up to the next symbol.
std::vector<std::byte> hookable_code(const HookableFunction& function, const ElfFile& file);

/// Whether it is nothing but a jump, too short for a hook, to another entry point of its module that takes the same
/// arguments: linkers make one of two so. What comes to it is recorded there.
bool passes_on(const HookableFunction& function, const ModuleEntryPoints& known, const ElfFile& file);

/// From a module's first mapped byte to its last.
AddressRange range_of(const LoadedModule& module);

/// Plans hooks, and lays out in the inferior what they need besides the patch itself: nothing of it is run yet.
class HookPlanner {
 public:
  HookPlanner(Debugger& debugger, InferiorMappings& mappings, InferiorArena& arena, const RecorderAddresses& recorder)
      : debugger_(debugger), mappings_(mappings), arena_(arena), recorder_(recorder) {}

  /// Room in which jumps into it cannot be bent by breakpoints (see breakpoint_proof_landing), for these functions;
  /// does without where there is none.
  void prepare(const LoadedModule& module, const ElfFile& file, const std::vector<HookableFunction>& functions);

  /// What a Site says of its domain.
  struct SiteDomain {
    std::uint16_t number = 0;
    std::uint8_t space = 0;
  };

  /// Plans the hook of one function and writes its site, stub and moved code.
  /// Errors: as of plan_hook(), and what the debugger says.
  Result<HookPlan> plan(const HookableFunction& function, const LoadedModule& module, const ElfFile& file, HookWay way,
                        SiteDomain domain);

  /// Code that belongs to nobody yet, for stubs.
  void add_area(AddressRange range) { areas_.emplace_back(range); }
  const std::vector<NearArea>& areas() const { return areas_; }
  /// Memory for landings.
  const std::vector<AddressRange>& landings() const { return landings_; }
  void adopt_landings(std::vector<AddressRange> landings) { landings_ = std::move(landings); }

 private:
  Result<NearArea*> area_for(AddressRange code);
  std::optional<Address> landing_for(Address patch) const;
  Result<HookPlan> plan_in(HookRequest request, NearArea& area) const;
  Result<void> write_code(const HookPlan& plan);

  Debugger& debugger_;
  InferiorMappings& mappings_;
  InferiorArena& arena_;
  const RecorderAddresses& recorder_;
  std::vector<NearArea> areas_;
  std::vector<AddressRange> landings_;
};

}  // namespace memsnap
