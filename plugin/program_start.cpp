#include "plugin/program_start.h"

#include <algorithm>

#include "core/elf/elf_file.h"
#include "core/unwind/walk.h"

namespace memsnap {
namespace {

// The dynamic loader does not go deeper before the program begins.
constexpr std::size_t kFrames = 64;

// How far from its first instruction on a dynamic loader is when it has called what loads the program; the call that
// lets other code run comes later. A debugger may show a static program no earlier than some instructions after its
// first, which call nothing.
constexpr std::uint64_t kEntryCode = 8;

}  // namespace

bool is_at_program_start(Debugger& debugger, const ModuleMap& modules, const ModuleTable& names, UnwindTables& tables) {
  const auto threads = debugger.threads();
  if (threads.size() != 1) {
    return false;
  }
  Registers registers;
  for (const auto which : {Register::rip, Register::rsp, Register::rbp}) {
    const auto value = debugger.read_register(threads.front(), which);
    if (!value) {
      return false;
    }
    registers.set(which, *value);
  }
  const Address pc{registers.get(Register::rip).value_or(0)};
  const auto* module = modules.find(pc);
  if (module == nullptr) {
    return false;
  }
  // A walk takes its first pc for a return address.
  registers.set(Register::rip, pc.value + 1);
  StackReader stack(debugger.memory());
  const auto walked = walk(registers, stack, modules, tables, kFrames);
  const auto file = ElfFile::open(names.get(module->id).path);
  const auto entry = file ? file->static_entry() : 0;
  return entry != 0 && walked.frames.back().pc.offset - entry <= kEntryCode &&
         std::ranges::all_of(walked.frames, [&](const StoredFrame& frame) { return frame.pc.module == module->id; });
}

}  // namespace memsnap
