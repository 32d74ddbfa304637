#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/end_to_end/host.h"
#include "tests/end_to_end/process.h"

namespace memsnap::test {

/// A debugger in the hands of another program, as an editor has it. Every function throws std::runtime_error with all
/// that was said where the debugger does not answer in time.
class FrontEnd {
 public:
  FrontEnd() = default;
  virtual ~FrontEnd() = default;
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  /// Gives the debugger commands, and has it run `program` until it stands at one of these functions.
  virtual void launch(const std::string& program, const std::vector<std::string>& commands,
                      const std::vector<std::string>& functions) = 0;
  /// Lets the program go on until it stops.
  virtual void go_on() = 0;
  /// Types a line into the debug console.
  virtual Answer console(const std::string& command) = 0;
  /// Ends the program and the debugger; returns the debugger's exit code.
  virtual int close() = 0;
  /// All that the debugger said, for people.
  virtual const std::string& said() const = 0;
};

/// By GDB's machine interface, with its own console's commands for the rest. `command` starts GDB.
std::unique_ptr<FrontEnd> make_machine_interface(const std::vector<std::string>& command);
/// By the debug adapter protocol, which `program` speaks.
std::unique_ptr<FrontEnd> make_debug_adapter(const std::string& program);

}  // namespace memsnap::test
