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
  if (!adopted && adopted.error().code == Code::not_found && !has_stacks()) {
    // What is missing may be the code as it was changed, and the debugger have taken that of the file instead.
    adopted = fail(Code::unmapped, "it was cut off");
  }
  return of_core_file(std::move(adopted));
}

// The stacks are at the end of what the kernel writes.
bool CoreEngine::has_stacks() {
  const auto is_readable = [this](OsThreadId thread) {
    std::byte top{};
    const auto rsp = debugger_.read_register(thread, Register::rsp);
    return rsp && debugger_.memory().read({*rsp}, std::span(&top, 1)) == 1;
  };
  const auto threads = debugger_.threads();
  return !threads.empty() && std::ranges::all_of(threads, is_readable);
}

Result<Snapshot> CoreEngine::now() { return of_core_file(recorder_.now()); }

Result<Totals> CoreEngine::totals() { return of_core_file(recorder_.totals()); }

}  // namespace memsnap
