#include "plugin/ways_out.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/elf/elf_file.h"

namespace memsnap {
namespace {

struct Known {
  std::string_view name;
  WayOut way;
};

constexpr std::array kKnown = {
    Known{"__cxa_begin_catch", WayOut::caught},         // Itanium C++ ABI, exception handling, 2.5.3
    Known{"longjmp", WayOut::jump},                     //
    Known{"_longjmp", WayOut::jump},                    //
    Known{"siglongjmp", WayOut::jump},                  //
    Known{"__longjmp_chk", WayOut::jump},               // glibc, with _FORTIFY_SOURCE
    Known{"pthread_exit", WayOut::thread_end},          //
    Known{"_Unwind_ForcedUnwind", WayOut::thread_end},  // a thread that is cancelled
};

}  // namespace

std::unordered_map<Address, WayOut> WaysOut::find(const ModuleMap& modules) {
  std::unordered_map<Address, WayOut> ways;
  for (const auto& module : modules.modules()) {
    const auto [entry, is_new] = known_.try_emplace(module.id);
    const auto& name = modules_.get(module.id);
    if (const auto file = is_new ? ElfFile::open(name.path) : fail(Code::io, {});
        file && file->build_id() == name.build_id) {
      file->for_each_function([&](const ElfSymbol& symbol) {
        if (const auto known = std::ranges::find(kKnown, symbol.name, &Known::name); known != kKnown.end()) {
          entry->second.emplace_back(symbol.value, known->way);
        }
      });
    }
    for (const auto& [offset, way] : entry->second) {
      ways.emplace(Address{offset + module.bias}, way);
    }
  }
  return ways;
}

}  // namespace memsnap
