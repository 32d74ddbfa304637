#include "lldb/debug_server.h"

#include <fmt/format.h>

#include <string_view>

namespace memsnap {

// A command that the user's own interpreter is given is refused from Ctrl-C on until the user's command ends, which
// must not happen half-way. So the packets are sent by an interpreter that nobody types at. The command that sends them
// still goes by the process that is selected in the user's: during `run` that is the one before, or another of several.
// The user's interpreter then does as it is told, and Ctrl-C stops the process.
DebugServer::DebugServer(lldb::SBDebugger debugger, lldb::SBProcess process)
    : context_(process), messenger_(lldb::SBDebugger::Create(false)) {
  for (auto interpreter : {messenger_.GetCommandInterpreter(), debugger.GetCommandInterpreter()}) {
    interpreter_ = interpreter;
    if (answers_for(process)) {
      return;
    }
  }
  interpreter_.reset();
}

DebugServer::~DebugServer() { lldb::SBDebugger::Destroy(messenger_); }

bool DebugServer::answers_for(lldb::SBProcess process) {
  return send("qProcessInfo").starts_with(fmt::format("pid:{:x};", process.GetProcessID()));
}

std::string DebugServer::send(const std::string& packet) {
  if (!interpreter_) {
    return {};
  }
  lldb::SBCommandReturnObject result;
  const auto command = "process plugin packet send " + packet;
  interpreter_->HandleCommand(command.c_str(), context_, result, false);
  // An answer that says nothing counts as a failure.
  const std::string output = result.Succeeded() && result.GetOutput() != nullptr ? result.GetOutput() : "";
  // It prints:  packet: ...\nresponse: ...\n
  constexpr std::string_view kBefore = "response: ";
  const auto begin = output.find(kBefore);
  if (begin == std::string::npos) {
    return {};
  }
  return output.substr(begin + kBefore.size(), output.find('\n', begin) - begin - kBefore.size());
}

}  // namespace memsnap
