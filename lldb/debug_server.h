#pragma once

#include <lldb/API/LLDB.h>

#include <optional>
#include <string>

namespace memsnap {

/// Speaks to the server that LLDB has a process run by, past LLDB: what is changed there has to be put back, as LLDB
/// goes on believing what it knew. For what its API cannot do, or not in a breakpoint's callback.
///
/// Source: the packets are those of GDB's manual, appendix E, and of LLDB's docs/resources/lldbgdbremote.md.
class DebugServer {
 public:
  /// The process is stopped, and stays so while this lives.
  DebugServer(lldb::SBDebugger debugger, lldb::SBProcess process);
  DebugServer(const DebugServer&) = delete;
  DebugServer& operator=(const DebugServer&) = delete;
  ~DebugServer();

  /// Whether there is such a server: LLDB's own, as others do not know all packets.
  bool is_there() const { return interpreter_.has_value(); }

  /// The answer to a packet, empty where the server does not know it or there is none.
  std::string send(const std::string& packet);

 private:
  bool answers_for(lldb::SBProcess process);

  lldb::SBExecutionContext context_;
  lldb::SBDebugger messenger_;
  std::optional<lldb::SBCommandInterpreter> interpreter_;
};

}  // namespace memsnap
