#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "core/address.h"

namespace memsnap {

/// What kind of failure it is, for code that acts on it.
enum class Code : std::uint8_t {
  usage,         ///< the words of a command are wrong
  not_found,     ///< no such snapshot, row, rule, ...
  no_process,    ///< there is no process, or it has exited
  running,       ///< the process is running, and would have to be stopped
  not_tracing,   ///< nothing is being recorded
  tracing,       ///< something is being recorded already
  unsupported,   ///< cannot be done here, or not yet
  unmapped,      ///< memory of the inferior that cannot be read
  malformed,     ///< bytes that are not what their format asks for
  io,            ///< a file that cannot be opened, read or written
  interrupted,   ///< the user pressed Ctrl-C
  check_failed,  ///< what the user asked to be checked does not hold
  debugger,      ///< the debugger refused; its own words are in the message
};

/// An expected failure. `message` is one line for people: what is wrong and, where it helps, what would be right;
/// without the leading "memsnap: ", which the adapters add. `address` is the datum for Code::unmapped.
struct Error {
  Code code = Code::debugger;
  std::string message;
  Address address;
};

template <typename T>
using Result = std::expected<T, Error>;

/// Shorthand for the failing branch of a Result.
inline std::unexpected<Error> fail(Code code, std::string message, Address address = {}) {
  return std::unexpected(Error{code, std::move(message), address});
}

}  // namespace memsnap
