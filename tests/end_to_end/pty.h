#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/end_to_end/process.h"

namespace memsnap::test {

/// A program on a pseudo-terminal, typed at as a person would.
class Pty {
 public:
  explicit Pty(const std::vector<std::string>& command);
  ~Pty();

  /// Sends bytes as they are; a line ends in "\n", Ctrl-C is "\x03".
  void type(std::string_view keys);

  /// Reads on until `wanted` stands in what was not yet returned, and returns all up to and including it.
  /// Throws std::runtime_error with what came where it does not come in time, or the program ends.
  std::string expect(std::string_view wanted) { return expect(wanted, kPatience); }

  /// Presses Ctrl-C and expects `wanted`; again where it does not come in some seconds, as a person would. LLDB loses
  /// one that comes while it is only just letting a program run, though the program has printed something by then.
  std::string interrupt(std::string_view wanted);

  /// Closes the terminal and returns the program's exit code.
  int close();

  /// All that was seen so far.
  const std::string& seen() const { return seen_; }

 private:
  // A person would have given up long ago.
  static constexpr std::chrono::seconds kPatience{60};

  std::string expect(std::string_view wanted, std::chrono::seconds patience);

  Descriptor terminal_;
  std::unique_ptr<Process> process_;
  std::string pending_;
  std::string seen_;
};

}  // namespace memsnap::test
