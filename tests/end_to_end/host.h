#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/end_to_end/process.h"

namespace memsnap::test {

/// What a command was answered.
struct Answer {
  std::string text;    ///< as printed, without the debugger's own "error: "
  bool error = false;  ///< the debugger called it an error

  bool operator==(const Answer&) const = default;
};

/// What a command that cannot be followed is answered.
inline Answer error(const std::string& line) { return {.text = "memsnap: " + line + "\n", .error = true}; }

/// How a program is started in a debugger.
struct Launch {
  std::vector<std::string> arguments;  ///< may have spaces in them, and nothing else that a shell takes for its own
  std::string input = "/dev/null";
  std::string output = "/dev/null";
};

/// How a debugger is to connect to a server that runs a program. Where the server is a process of its own, it ends with
/// the connection, or at the latest with this.
struct Served {
  std::string connect;              ///< the command
  std::unique_ptr<Process> server;  ///< none where the debugger starts it
};

class FrontEnd;

/// A debugger, as a test body sees it: the same words for each, translated here and nowhere else.
class Host {
 public:
  virtual ~Host() = default;

  /// Why its tests cannot run here; empty where they can.
  virtual std::string missing() const = 0;

  virtual std::string load_plugin() const = 0;
  /// The same, of what `cmake --install` put below a folder.
  virtual std::string load_plugin(const std::string& prefix) const = 0;
  virtual std::string break_at(const std::string& function) const = 0;
  virtual std::string break_at(const std::string& file, int line) const = 0;
  /// The same under a condition in memsnap's own functions, as GDB has them: `$memsnap_size() > 10`.
  virtual std::vector<std::string> break_if(const std::string& function, const std::string& condition) const = 0;
  /// Prints such an expression, as the last word.
  virtual std::string print(const std::string& expression) const = 0;
  /// Deletes all of the user's breakpoints.
  virtual std::string delete_breakpoints() const = 0;
  virtual std::string run(const Launch& launch) const = 0;
  virtual std::string attach(pid_t pid) const = 0;

  /// Why there is no server of this debugger's own kind here; empty where there is one.
  virtual std::string missing_server() const = 0;
  /// Has a server on this machine run `command` for the debugger, or attach to the process.
  virtual Served serve(const std::vector<std::string>& command) const = 0;
  virtual Served serve(pid_t pid) const = 0;

  /// Why the debugger has no Python; empty where it has one, which it then finds from here on.
  virtual std::string missing_python() const = 0;
  /// Runs a statement, and a script's file, in its Python.
  virtual std::string python(const std::string& statement) const = 0;
  virtual std::string run_script(const std::string& file) const = 0;

  /// Has the debugger go on with the child where a process forks.
  virtual std::string follow_children() const = 0;
  /// Has the debugger stop where a process becomes another program.
  virtual std::string stop_at_exec() const = 0;

  /// Has the debugger switch address randomisation off, as it does for its users by itself.
  virtual std::string same_addresses() const = 0;
  /// Tells the debugger that sources under `from` are under `to`.
  virtual std::string map_source(const std::string& from, const std::string& to) const = 0;

  /// Writes the process into a core file; empty where this debugger cannot.
  virtual std::string save_core(const std::string& file) const = 0;
  /// Opens a core file of `program`, whose whole path it is.
  virtual std::string open_core(const std::string& program, const std::string& file) const = 0;

  /// What is printed, some time after `kill`, when the process is gone.
  virtual std::string killed() const = 0;
  /// Exit code of the program, from what the debugger printed at its end; -1 where it did not end by itself.
  virtual int exit_code(std::string_view transcript) const = 0;

  /// Plays the commands without a terminal, each whatever became of those before it; one answer for each.
  /// An empty program is none. Throws std::runtime_error with the transcript where the debugger does not get to the
  /// end.
  virtual std::vector<Answer> play(const std::string& program, const std::vector<std::string>& commands) const = 0;

  /// How the debugger is started to run the commands in its batch mode, as a job in CI does.
  virtual std::vector<std::string> batch(const std::string& program,
                                         const std::vector<std::string>& commands) const = 0;

  /// How the debugger is started on a terminal, and its prompt.
  virtual std::vector<std::string> interactive(const std::string& program) const = 0;
  virtual std::string prompt() const = 0;

  /// Why it has no interface for other programs; empty where it has.
  virtual std::string missing_front_end() const = 0;
  virtual std::unique_ptr<FrontEnd> front_end() const = 0;
};

std::unique_ptr<Host> make_gdb();
/// With the unpacked LLDB 22 where `newest`, else the installed one.
std::unique_ptr<Host> make_lldb(bool newest);

/// "gdb", "lldb" or "lldb22"; throws std::invalid_argument for another name.
std::unique_ptr<Host> make_host(std::string_view name);

/// The host that this run of the tests is for; set once, in main.
const Host& host();
void set_host(std::unique_ptr<Host> chosen);

/// The engine that this run of the tests is for: "auto", which is what a user gets, or one that every `memsnap start`
/// names; set once, in main.
const std::string& engine();
void set_engine(std::string name);
/// What `status` says of it: the recorder's entry points are hooks.
std::string engine_at_work();

/// True where `program` can be found in PATH.
bool is_installed(const std::string& program);

/// The number that a server says that it listens at, behind `before` in what it prints to `from`.
std::string read_port(int from, std::string_view before);

}  // namespace memsnap::test
