#include "plugin/debugger.h"

#include <fmt/format.h>

#include <utility>

#include "core/elf/mapped_image.h"

namespace memsnap {

std::string to_string(const ThreadLabel& label) {
  return label.name.empty() ? fmt::format("thread {}", label.number)
                            : fmt::format("thread {} ({})", label.number, label.name);
}

std::unexpected<Error> process_is_running() {
  return fail(Code::running, "the process is running; interrupt it first");
}

ModuleMap map_modules(Debugger& debugger, ModuleTable& names) { return map_modules(debugger.modules(), names); }

ModuleMap map_modules(std::vector<MappedModule> modules, ModuleTable& names) {
  std::vector<LoadedModule> loaded;
  for (auto& mapped : modules) {
    const auto id = names.intern(mapped.module);
    if (!mapped.module.debug_file.empty()) {
      names.set_debug_file(id, mapped.module.debug_file);
    }
    loaded.push_back({id, mapped.bias, std::move(mapped.segments)});
  }
  return ModuleMap(std::move(loaded));
}

std::vector<MappedModule> whole_modules(Debugger& debugger) {
  auto modules = debugger.modules();
  for (auto& module : modules) {
    if (module.segments.empty()) {
      continue;
    }
    if (auto image = read_mapped_image(debugger.memory(), module.segments.front().begin)) {
      module.segments = std::move(image->segments);
    }
  }
  return modules;
}

std::vector<AddressRange> mapped_ranges(Debugger& debugger) {
  std::vector<AddressRange> ranges;
  for (const auto& region : debugger.regions()) {
    ranges.push_back(region.range);
  }
  return ranges;
}

}  // namespace memsnap
