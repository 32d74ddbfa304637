#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace memsnap::test {

using Deadline = std::chrono::steady_clock::time_point;

/// How long one debugger session may take at most: far more than it needs, less than ctest waits.
inline constexpr std::chrono::seconds kPatience{240};

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  int release();
  void close();

 private:
  int number_;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

/// A pipe that no program inherits unless it is made its standard stream.
Pipe make_pipe();

/// Reads what there is by the deadline, at least one byte, and appends it. False at the end of the input.
/// Throws std::runtime_error where the deadline passes.
bool read_some(int descriptor, std::string& text, Deadline deadline);

/// What a program gets to see of the outside: nothing of the developer's own settings.
std::vector<std::string> clean_environment();

/// A program that runs. It is killed, and all that it started, where it is still there at the end.
class Process {
 public:
  /// Starts `command`, found in PATH. Streams of -1 are /dev/null.
  Process(const std::vector<std::string>& command, int input, int output, int error);
  /// Takes over a process that was started elsewhere.
  explicit Process(pid_t pid) : pid_(pid) {}
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  /// Its exit code, or 128 + the number of the signal that killed it. Throws where the deadline passes.
  int wait(Deadline deadline);

 private:
  pid_t pid_;
  bool waited_ = false;
};

/// What a program printed and how it ended.
struct Printed {
  std::string output;
  std::string error;
  int exit_code = 0;
};

/// Runs a program to its end. With `one_stream`, error output stands in `output`, in its place.
Printed run_program(const std::vector<std::string>& command, bool one_stream = false);

/// Makes this process the parent of all orphans below it, so that none of them can get lost.
void adopt_orphans();

/// Kills what is still running below this process; every Process must be gone before.
void kill_descendants();

}  // namespace memsnap::test
