#include "tests/end_to_end/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace memsnap::test {
namespace {

[[noreturn]] void fail_with_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int milliseconds_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return left.count() < 0 ? 0 : static_cast<int>(left.count());
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& string : strings) {
    result.push_back(string.data());
  }
  result.push_back(nullptr);
  return result;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::ifstream list(task.path() / "children");
    for (pid_t child = 0; list >> child;) {
      children.push_back(child);
    }
  }
  return children;
}

void kill_below(pid_t pid) {
  for (const pid_t child : children_of(pid)) {
    kill_below(child);
    ::kill(child, SIGKILL);
  }
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = other.release();
  }
  return *this;
}

int Descriptor::release() { return std::exchange(number_, -1); }

void Descriptor::close() {
  if (is_open()) {
    ::close(release());
  }
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail_with_errno("pipe2");
  }
  return {.read_end = Descriptor(ends[0]), .write_end = Descriptor(ends[1])};
}

bool read_some(int descriptor, std::string& text, Deadline deadline) {
  pollfd wanted{.fd = descriptor, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&wanted, 1, milliseconds_until(deadline));
  if (ready == 0) {
    throw std::runtime_error("no answer in time");
  }
  std::array<char, 4096> buffer{};
  const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return true;
  }
  if (count <= 0) {
    return false;  // a pseudo-terminal whose other side is closed reports EIO
  }
  text.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::vector<std::string> clean_environment() {
  const char* path = std::getenv("PATH");
  return {std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin"), "HOME=/nonexistent", "SHELL=/bin/sh",
          "TERM=dumb", "LC_ALL=C"};
}

Process::Process(const std::vector<std::string>& command, int input, int output, int error) : pid_(-1) {
  std::vector<std::string> words = command;
  std::vector<std::string> variables = clean_environment();
  const std::vector<char*> arguments = pointers(words);
  const std::vector<char*> environment = pointers(variables);
  pid_ = ::fork();
  if (pid_ < 0) {
    fail_with_errno("fork");
  }
  if (pid_ == 0) {
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::setpgid(0, 0);
    ::dup2(input >= 0 ? input : nothing, STDIN_FILENO);
    ::dup2(output >= 0 ? output : nothing, STDOUT_FILENO);
    ::dup2(error >= 0 ? error : nothing, STDERR_FILENO);
    ::execvpe(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
}

Process::~Process() {
  if (!waited_) {
    kill_below(pid_);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

int Process::wait(Deadline deadline) {
  // The end of a process is no event of poll() without a pidfd, which not every container knows; so look again.
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("process " + std::to_string(pid_) + " did not end in time");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  waited_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Printed run_program(const std::vector<std::string>& command, bool one_stream) {
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  Pipe output = make_pipe();
  Pipe error = make_pipe();
  Process process(command, -1, output.write_end.get(), one_stream ? output.write_end.get() : error.write_end.get());
  output.write_end.close();
  error.write_end.close();
  Printed printed;
  std::thread reads_errors([&] {
    try {
      while (read_some(error.read_end.get(), printed.error, deadline)) {
      }
    } catch (const std::exception&) {
      // The other stream is late as well, and says so.
    }
  });
  std::string late;
  try {
    while (read_some(output.read_end.get(), printed.output, deadline)) {
    }
  } catch (const std::exception& problem) {
    late = problem.what();
    kill_below(process.pid());
    ::kill(process.pid(), SIGKILL);
  }
  reads_errors.join();
  printed.exit_code = process.wait(std::chrono::steady_clock::now() + kPatience);
  if (!late.empty()) {
    throw std::runtime_error(command.front() + ": " + late + ", after\n" + printed.output + printed.error);
  }
  return printed;
}

void adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    fail_with_errno("PR_SET_CHILD_SUBREAPER");
  }
}

void kill_descendants() {
  // Orphans of those that are killed come to us; round by round until there is none.
  do {
    kill_below(::getpid());
  } while (::waitpid(-1, nullptr, 0) > 0);
}

}  // namespace memsnap::test
