#include "tests/end_to_end/pty.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

namespace memsnap::test {
Pty::Pty(const std::vector<std::string>& command) {
  std::vector<std::string> words = command;
  std::vector<std::string> variables = clean_environment();
  std::vector<char*> arguments;
  std::vector<char*> environment;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  for (std::string& variable : variables) {
    environment.push_back(variable.data());
  }
  environment.push_back(nullptr);
  // Wide enough that no line editor wraps a line.
  const winsize size{.ws_row = 200, .ws_col = 1000, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (pid < 0) {
    throw std::system_error(errno, std::generic_category(), "forkpty");
  }
  if (pid == 0) {
    ::execvpe(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  ::fcntl(terminal, F_SETFD, FD_CLOEXEC);
  terminal_ = Descriptor(terminal);
  process_ = std::make_unique<Process>(pid);
}

Pty::~Pty() = default;

void Pty::type(std::string_view keys) {
  while (!keys.empty()) {
    const ssize_t count = ::write(terminal_.get(), keys.data(), keys.size());
    if (count < 0) {
      throw std::system_error(errno, std::generic_category(), "write to the pseudo-terminal");
    }
    keys.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string Pty::interrupt(std::string_view wanted) {
  constexpr std::chrono::seconds kBetween{5};
  for (auto waited = kBetween; waited < kPatience; waited += kBetween) {
    type("\x03");
    try {
      return expect(wanted, kBetween);
    } catch (const std::runtime_error&) {
    }
  }
  type("\x03");
  return expect(wanted, kBetween);
}

std::string Pty::expect(std::string_view wanted, std::chrono::seconds patience) {
  const Deadline deadline = std::chrono::steady_clock::now() + patience;
  std::size_t at = pending_.find(wanted);
  while (at == std::string::npos) {
    std::string more;
    bool open = false;
    try {
      open = read_some(terminal_.get(), more, deadline);
    } catch (const std::runtime_error& late) {
      throw std::runtime_error(std::string(late.what()) + ": wanted '" + std::string(wanted) + "', got\n" + seen_);
    }
    if (!open) {
      throw std::runtime_error("it ended; wanted '" + std::string(wanted) + "', got\n" + seen_);
    }
    seen_ += more;
    pending_ += more;
    at = pending_.find(wanted);
  }
  std::string result = pending_.substr(0, at + wanted.size());
  pending_.erase(0, at + wanted.size());
  return result;
}

int Pty::close() {
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  while (read_some(terminal_.get(), seen_, deadline)) {
  }
  return process_->wait(deadline);
}

}  // namespace memsnap::test
