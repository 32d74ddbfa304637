// The part of the port that reads core files.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "lldb/lldb_debugger.h"
#include "plugin/core_modules.h"

namespace memsnap {

bool LldbDebugger::is_core(lldb::SBTarget target) {
  constexpr std::array<std::string_view, 2> kPlugins = {"elf-core", "minidump"};
  auto process = target.GetProcess();
  const auto* plugin = process.IsValid() ? process.GetPluginName() : nullptr;
  return plugin != nullptr && std::ranges::find(kPlugins, plugin) != kPlugins.end();
}

// Whether the user looks at a core file, while nothing runs in the target that is to be traced.
bool LldbDebugger::shows_core_file() {
  const auto state = target_.GetProcess().GetState();
  const bool is_alive = state != lldb::eStateInvalid && state != lldb::eStateUnloaded && state != lldb::eStateExited &&
                        state != lldb::eStateDetached;
  return !is_alive && is_core(debugger_.GetSelectedTarget());
}

std::string LldbDebugger::core_instance() { return fmt::format("core file {}", process().GetUniqueID()); }

std::vector<MappedModule> LldbDebugger::core_file_modules() {
  std::vector<MappedModule> modules;
  auto current = target();
  for (std::uint32_t i = 0; i < current.GetNumModules(); ++i) {
    auto module = current.GetModuleAtIndex(i);
    const auto header = module.GetObjectFileHeaderAddress().GetLoadAddress(current);
    auto path = path_of(module.GetFileSpec());
    if (header == LLDB_INVALID_ADDRESS || !path.starts_with('/')) {  // the vdso has a mere name
      continue;
    }
    // As the kernel names it: the dynamic loader goes by links.
    std::error_code failed;
    if (const auto real = std::filesystem::canonical(path, failed); !failed) {
      path = real;
    }
    if (auto found = core_module(*this, path, {header})) {
      if (const auto symbols = path_of(module.GetSymbolFileSpec()); symbols != path_of(module.GetFileSpec())) {
        found->module.debug_file = symbols;
      }
      modules.push_back(std::move(*found));
    }
  }
  return modules;
}

std::vector<MemoryRegion> LldbDebugger::core_file_regions() {
  std::vector<MemoryRegion> result;
  auto regions = process().GetMemoryRegions();
  for (std::uint32_t i = 0; i < regions.GetSize(); ++i) {
    lldb::SBMemoryRegionInfo region;
    if (regions.GetMemoryRegionAtIndex(i, region) && region.IsReadable()) {
      result.push_back(
          {{{region.GetRegionBase()}, {region.GetRegionEnd()}}, true, region.IsWritable(), region.IsExecutable(), {}});
    }
  }
  return result;
}

}  // namespace memsnap
