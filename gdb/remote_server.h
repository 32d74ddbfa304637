#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace memsnap {

/// Speaks to the server that GDB has a process run by, past GDB: what is changed there has to be put back, as GDB goes
/// on believing what it knew.
///
/// Source: GDB's manual, appendix E. What other servers do not know is answered with nothing.
class RemoteServer {
 public:
  /// Where a register is in what a server gives as all registers, by GDB's names. In bytes.
  using RegisterPlaces = std::map<std::string, std::size_t>;

  /// `connection` is GDB's to the server; `places` is kept for as long as that lasts, and filled in when first needed.
  /// The process is stopped, and stays so while this lives.
  RemoteServer(pybind11::module_ gdb, pybind11::object connection, RegisterPlaces& places);
  RemoteServer(const RemoteServer&) = delete;
  RemoteServer& operator=(const RemoteServer&) = delete;
  /// Gives the server's choice of a thread back, which GDB counts on.
  ~RemoteServer();

  /// The answer to a packet, as it is on the wire; empty where the server does not know it or is not there any more.
  std::string send(std::string_view packet);

  /// Has what follows be about this thread. Returns whether the server has such a thread.
  bool choose(std::uint64_t process, std::uint64_t thread);
  /// How the server calls a thread.
  std::string name_of(std::uint64_t process, std::uint64_t thread) const;

  /// Of the registers of 8 bytes.
  const RegisterPlaces& register_places();

  /// A thing of the chosen thread that is read and written as a whole (`siginfo`); empty where there is none.
  std::string read_object(std::string_view name, std::size_t size);
  bool write_object(std::string_view name, std::string_view bytes);

 private:
  pybind11::module_ gdb_;
  pybind11::object connection_;
  std::string chosen_before_;
  RegisterPlaces& register_places_;
};

}  // namespace memsnap
