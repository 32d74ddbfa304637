#include "tests/end_to_end/host.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace memsnap::test {
namespace {

std::unique_ptr<Host>& current() {
  static std::unique_ptr<Host> chosen;
  return chosen;
}

std::string& chosen_engine() {
  static std::string name = "auto";
  return name;
}

}  // namespace

std::unique_ptr<Host> make_host(std::string_view name) {
  if (name == "gdb") {
    return make_gdb();
  }
  if (name == "lldb" || name == "lldb22") {
    return make_lldb(name == "lldb22");
  }
  throw std::invalid_argument("no such debugger: " + std::string(name));
}

const Host& host() { return *current(); }

void set_host(std::unique_ptr<Host> chosen) { current() = std::move(chosen); }

const std::string& engine() { return chosen_engine(); }

void set_engine(std::string name) { chosen_engine() = std::move(name); }

std::string engine_at_work() { return engine() == "auto" ? "recorder" : engine(); }

bool is_installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((std::filesystem::path(folder) / program).c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

std::string read_port(int from, std::string_view before) {
  constexpr std::string_view kDigits = "0123456789";
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  std::string said;
  while (read_some(from, said, deadline)) {
    const std::size_t at = said.find(before);
    if (at == std::string::npos) {
      continue;
    }
    const std::size_t end = said.find_first_not_of(kDigits, at + before.size());
    if (end != std::string::npos && end > at + before.size()) {
      return said.substr(at + before.size(), end - at - before.size());
    }
  }
  throw std::runtime_error("the server does not say where it listens: " + said);
}

}  // namespace memsnap::test
