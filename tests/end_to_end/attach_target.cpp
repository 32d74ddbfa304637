#include "tests/end_to_end/attach_target.h"

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>

#include "tests/end_to_end/text.h"

namespace memsnap::test {

AttachTarget::AttachTarget() : process_({target("attach")}, orders_.read_end.get(), answers_.write_end.get(), -1) {
  orders_.read_end.close();
  answers_.write_end.close();
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  std::string said;
  while (!said.ends_with("ready\n")) {
    if (!read_some(answers_.read_end.get(), said, deadline)) {
      throw std::runtime_error("the target ended before it was ready");
    }
  }
}

std::string AttachTarget::send_from_debugger(char order) {
  // A file to copy from: what a debugger's shell command makes of quotes and redirections is its own.
  const std::string file = folder_.path() / std::string(1, order);
  std::ofstream(file) << order;
  ++unanswered_;
  return "shell cp " + file + " /proc/" + std::to_string(pid()) + "/fd/0";
}

std::string AttachTarget::ask(std::string_view orders) {
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  if (::write(orders_.write_end.get(), orders.data(), orders.size()) != static_cast<ssize_t>(orders.size())) {
    throw std::runtime_error("the target does not take orders");
  }
  unanswered_ += orders.size();
  std::string said;
  while (said.size() < unanswered_) {
    if (!read_some(answers_.read_end.get(), said, deadline)) {
      throw std::runtime_error("the target ended after it said '" + said + "'");
    }
  }
  unanswered_ = 0;
  return said;
}

int AttachTarget::finish() {
  orders_.write_end.close();
  return process_.wait(std::chrono::steady_clock::now() + kPatience);
}

}  // namespace memsnap::test
