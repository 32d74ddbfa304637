#pragma once

#include <lldb/API/LLDB.h>

namespace memsnap {

/// Makes `import memsnap` work in LLDB's Python. Where LLDB has none, or a broken one, nothing happens.
void offer_to_python(lldb::SBDebugger debugger);

}  // namespace memsnap
