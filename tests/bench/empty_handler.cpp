// An LLDB plugin for the benchmark: `empty-handler` makes breakpoints on the same addresses as memsnap's, with a
// handler that returns at once. That is what a stop costs in LLDB itself.

#include <lldb/API/LLDB.h>

#include <cstdint>
#include <string_view>

namespace {

bool on_hit(void*, lldb::SBProcess&, lldb::SBThread&, lldb::SBBreakpointLocation&) { return false; }

void watch(lldb::SBTarget target, lldb::addr_t address) {
  auto where = target.ResolveLoadAddress(address);
  target.BreakpointCreateBySBAddress(where).SetCallback(on_hit, nullptr);
}

// Called at the first malloc of the program.
class EmptyHandler final : public lldb::SBCommandPluginInterface {
 public:
  bool DoExecute(lldb::SBDebugger debugger, char**, lldb::SBCommandReturnObject& result) override {
    auto target = debugger.GetSelectedTarget();
    auto thread = target.GetProcess().GetSelectedThread();
    watch(target, thread.GetFrameAtIndex(0).GetPC());
    watch(target, thread.GetFrameAtIndex(1).GetPC());
    auto frees = target.FindFunctions("free", lldb::eFunctionNameTypeFull);
    for (std::uint32_t i = 0; i < frees.GetSize(); ++i) {
      auto context = frees.GetContextAtIndex(i);
      const std::string_view module = context.GetModule().GetFileSpec().GetFilename();
      if (module.starts_with("libc.so")) {
        auto function = context.GetFunction().GetStartAddress();
        auto symbol = context.GetSymbol().GetStartAddress();
        watch(target, (function.IsValid() ? function : symbol).GetLoadAddress(target));
        break;
      }
    }
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
