#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "tests/end_to_end/process.h"
#include "tests/end_to_end/temporary.h"

namespace memsnap::test {

/// tests/targets/attach, running and ready for orders.
class AttachTarget {
 public:
  AttachTarget();

  pid_t pid() const { return process_.pid(); }

  /// The debugger's command that sends it one order, while it is stopped or running.
  std::string send_from_debugger(char order);

  /// Sends orders and waits until the last is answered; returns all answers that were not read before.
  std::string ask(std::string_view orders);

  /// Ends its input, and returns its exit code.
  int finish();

 private:
  TemporaryFolder folder_;
  Pipe orders_ = make_pipe();
  Pipe answers_ = make_pipe();
  Process process_;
  std::size_t unanswered_ = 0;
};

}  // namespace memsnap::test
