// An LLDB plugin for the benchmark: `empty-handler` makes breakpoints on the same addresses as memsnap's, with a
// handler that returns at once. That is what a stop costs in LLDB itself.

#include <lldb/API/LLDB.h>

#include <cstdint>

namespace {

bool on_hit(void*, lldb::SBProcess&, lldb::SBThread&, lldb::SBBreakpointLocation&) { return false; }

void watch(lldb::SBTarget target, lldb::addr_t address) {
  auto where = target.ResolveLoadAddress(address);
  target.BreakpointCreateBySBAddress(where).SetCallback(on_hit, nullptr);
}

// Called in ready() of the program.
class EmptyHandler final : public lldb::SBCommandPluginInterface {
 public:
  bool DoExecute(lldb::SBDebugger debugger, char**, lldb::SBCommandReturnObject& result) override {
    auto target = debugger.GetSelectedTarget();
    auto entries = target.FindFirstGlobalVariable("entries");
    const auto allocate = entries.GetChildAtIndex(0).GetValueAsUnsigned();
    auto first = target.BreakpointCreateByAddress(allocate);
    debugger.SetAsync(false);
    target.GetProcess().Continue();
    watch(target, target.GetProcess().GetSelectedThread().GetFrameAtIndex(1).GetPC());
    target.BreakpointDelete(first.GetID());
    watch(target, allocate);
    watch(target, entries.GetChildAtIndex(1).GetValueAsUnsigned());
    result.SetStatus(lldb::eReturnStatusSuccessFinishResult);
    return true;
  }
};

}  // namespace

namespace lldb {
__attribute__((visibility("default"))) bool PluginInitialize(SBDebugger debugger);
bool PluginInitialize(SBDebugger debugger) {
  debugger.GetCommandInterpreter().AddCommand("empty-handler", new EmptyHandler, "Makes breakpoints that do nothing.");
  return true;
}
}  // namespace lldb
