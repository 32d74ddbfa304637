#pragma once

#include <lldb/API/LLDB.h>

namespace memsnap {

/// In a breakpoint's callback that wants no stop, on the thread that handles LLDB's events: lets the process go on,
/// where LLDB must not be left to do it and nothing else at this stop has yet to be heard.
///
/// `name` is that of all breakpoints that want no stop. `with_internal`: LLDB's own breakpoints at the same place have
/// done all they do, as those have that tell it of modules. Returns: what the callback has to.
bool resume_in_callback(lldb::SBThread thread, const char* name, bool with_internal);

/// The major version of the LLDB that runs this; 0 where it does not tell.
long lldb_version();

}  // namespace memsnap
