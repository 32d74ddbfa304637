#include "gdb/remote_server.h"

#include <fmt/format.h>

#include <sstream>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace memsnap {
namespace {

// Source: GDB's manual, Overview of packets. Of binary data, these four stand for themselves only behind an escape.
constexpr char kEscape = '}';
constexpr char kEscaped = 0x20;

std::string escaped(std::string_view bytes) {
  std::string text;
  for (const auto byte : bytes) {
    if (byte == kEscape || byte == '#' || byte == '$' || byte == '*') {
      text += {kEscape, static_cast<char>(byte ^ kEscaped)};
    } else {
      text += byte;
    }
  }
  return text;
}

std::string unescaped(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == kEscape && i + 1 < text.size();
    bytes += is_escape ? static_cast<char>(text[++i] ^ kEscaped) : text[i];
  }
  return bytes;
}

bool is_number(const std::string& word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

RemoteServer::RemoteServer(py::module_ gdb, py::object connection, RegisterPlaces& places)
    : gdb_(std::move(gdb)), connection_(std::move(connection)), register_places_(places) {
  if (const auto answer = send("qC"); answer.starts_with("QC")) {
    chosen_before_ = answer.substr(2);
  }
}

RemoteServer::~RemoteServer() {
  if (!chosen_before_.empty()) {
    send("Hg" + chosen_before_);
  }
}

std::string RemoteServer::send(std::string_view packet) {
  try {
    const auto answer = connection_.attr("send_packet")(py::bytes(packet.data(), packet.size()));
    return answer.is_none() ? std::string() : answer.cast<std::string>();
  } catch (const py::error_already_set&) {
    return {};
  }
}

std::string RemoteServer::name_of(std::uint64_t process, std::uint64_t thread) const {
  // As the server does it itself: with the process where it can have several.
  return chosen_before_.starts_with('p') ? fmt::format("p{:x}.{:x}", process, thread) : fmt::format("{:x}", thread);
}

bool RemoteServer::choose(std::uint64_t process, std::uint64_t thread) {
  return !chosen_before_.empty() && send("Hg" + name_of(process, thread)) == "OK";
}

const RemoteServer::RegisterPlaces& RemoteServer::register_places() {
  if (!register_places_.empty()) {
    return register_places_;
  }
  try {
    std::istringstream shown(
        gdb_.attr("execute")("maintenance print remote-registers", false, true).cast<std::string>());
    // Name Nr Rel Offset Size Type "Rmt Nr" "g/G Offset". A type may be of several words, and what is no register of
    // the server's has neither of the last two.
    constexpr std::size_t kSize = 4;
    for (std::string line; std::getline(shown, line);) {
      std::istringstream fields(line);
      std::vector<std::string> words;
      for (std::string word; fields >> word;) {
        words.push_back(word);
      }
      if (words.size() >= kSize + 4 && words[kSize] == "8" && is_number(words.back()) &&
          is_number(words[words.size() - 2])) {
        register_places_.emplace(words.front(), std::stoul(words.back()));
      }
    }
  } catch (const std::exception&) {
    register_places_.clear();
  }
  return register_places_;
}

std::string RemoteServer::read_object(std::string_view name, std::size_t size) {
  const auto answer = send(fmt::format("qXfer:{}:read::0,{:x}", name, size));
  const bool is_data = answer.starts_with('m') || answer.starts_with('l');
  return is_data ? unescaped(std::string_view(answer).substr(1)) : std::string();
}

bool RemoteServer::write_object(std::string_view name, std::string_view bytes) {
  const auto answer = send(fmt::format("qXfer:{}:write::0:{}", name, escaped(bytes)));
  return !answer.empty() && !answer.starts_with('E');
}

}  // namespace memsnap
