#include "plugin/core_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

namespace memsnap {
namespace {

// The recorder's reader does not know what it reads from.
template <typename T>
Result<T> of_core_file(Result<T> result) {
  if (!result) {
    auto& [code, message, address] = result.error();
    switch (code) {
      case Code::not_found:
        message = "the process of this core file was not being recorded";
        break;
      case Code::interrupted:
        break;
      case Code::unmapped:
        message = "this core file does not hold all that was recorded: it was cut off, or written without some memory";
        break;
      default:
        message = fmt::format("this core file cannot be read: {}", message);
        break;
    }
  }
  return result;
}

}  // namespace

std::unexpected<Error> cannot_be_traced() {
  return fail(Code::unsupported, "a core file cannot be traced; 'memsnap stats' shows what was live in it");
}

CoreEngine::CoreEngine(Debugger& debugger, Recording& recording, EntryPoints& entry_points, UnwindTables& tables)
    : debugger_(debugger), recorder_(debugger, recording, entry_points, tables, {}, {}) {}

Result<void> CoreEngine::modules_changed(const ModuleMap& modules) {
  auto adopted = recorder_.adopt(modules);
  if (!adopted && adopted.error().code == Code::not_found && !is_whole(modules)) {
    adopted = fail(Code::unmapped, "some memory is missing");
  }
  return of_core_file(std::move(adopted));
}

// Whether the core file has what a process has written to, as far as that can be told: its stacks, which are at the end
// of what the kernel writes, and the variables of some module. Not code: what was not changed is left out.
bool CoreEngine::is_whole(const ModuleMap& modules) {
  const auto is_readable = [this](Address address) {
    std::byte byte{};
    return debugger_.memory().read(address, std::span(&byte, 1)) == 1;
  };
  const auto has_stack = [&](OsThreadId thread) {
    const auto rsp = debugger_.read_register(thread, Register::rsp);
    return rsp && is_readable({*rsp});
  };
  const auto has_variables = [&](const LoadedModule& module) {
    return !module.segments.empty() && is_readable(module.segments.back().begin);
  };
  const auto threads = debugger_.threads();
  return !threads.empty() && std::ranges::all_of(threads, has_stack) &&
         std::ranges::any_of(modules.modules(), has_variables);
}

Result<Snapshot> CoreEngine::now() { return of_core_file(recorder_.now()); }

Result<Totals> CoreEngine::totals() { return of_core_file(recorder_.totals()); }

Result<std::optional<LiveBlock>> CoreEngine::find_block(Address address, std::uint64_t slack) {
  return of_core_file(recorder_.find_block(address, slack));
}

Result<std::optional<FreedBlock>> CoreEngine::find_freed(Address address) {
  return of_core_file(recorder_.find_freed(address));
}

Result<std::vector<Fault>> CoreEngine::faults() { return of_core_file(recorder_.faults()); }

Result<std::vector<LiveBlock>> CoreEngine::live_blocks() { return of_core_file(recorder_.live_blocks()); }

Result<std::vector<AddressRange>> CoreEngine::own_memory() { return of_core_file(recorder_.own_memory()); }

}  // namespace memsnap
