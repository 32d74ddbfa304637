#include "plugin/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "core/formats/size.h"

namespace memsnap {
namespace {

std::unexpected<Error> failed(std::string_view what, const std::string& path, const std::string& why) {
  return fail(Code::io, fmt::format("cannot {} '{}': {}", what, path, why));
}

// A user's home folder; of whoever runs the debugger where `name` is empty.
std::optional<std::string> home_of(const std::string& name) {
  const char* home = std::getenv("HOME");
  if (name.empty() && home != nullptr) {
    return home;
  }
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (name.empty()) {
    getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
  } else {
    getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  }
  return found == nullptr ? std::nullopt : std::optional(std::string(found->pw_dir));
}

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0) : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  bool close() {
    const bool closed = number_ < 0 || ::close(number_) == 0;
    number_ = -1;
    return closed;
  }

 private:
  int number_;
};

// The error's number; 0 where all was written.
int write_all(File& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return errno;
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return file.close() ? 0 : errno;
}

std::string reason(int error) { return std::generic_category().message(error); }

// Why what is there is not read, and not replaced: a fifo would hang, a device be gone. Empty for a regular file.
std::string kind_obstacle(const struct stat& there) {
  if (S_ISREG(there.st_mode)) {
    return {};
  }
  return S_ISDIR(there.st_mode) ? reason(EISDIR) : "Not a regular file";
}

// Why a file cannot be put in place of what is at `path`; empty where it can.
std::string obstacle(const std::string& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) {
    return errno == ENOENT ? "" : reason(errno);
  }
  const auto kind = kind_obstacle(there);
  return !kind.empty() || ::access(path.c_str(), W_OK) == 0 ? kind : reason(errno);
}

}  // namespace

std::string expand_home(const std::string& path) {
  if (!path.starts_with('~')) {
    return path;
  }
  const auto slash = std::min(path.find('/'), path.size());
  const auto home = home_of(path.substr(1, slash - 1));
  return home ? *home + path.substr(slash) : path;
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  // Not to be held up by a fifo that no one writes to.
  File file(path, O_RDONLY | O_NONBLOCK);
  struct stat status {};
  if (!file.is_open() || ::fstat(file.number(), &status) != 0) {
    return failed("read", path, reason(errno));
  }
  if (const auto kind = kind_obstacle(status); !kind.empty()) {
    return failed("read", path, kind);
  }
  std::string bytes;
  std::array<char, std::size_t{1} << 16> part{};
  while (true) {
    const auto got = ::read(file.number(), part.data(), part.size());
    if (got == 0) {
      return bytes;
    }
    if (got < 0 && errno != EINTR) {
      return failed("read", path, reason(errno));
    }
    bytes.append(part.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
    if (bytes.size() > limit) {
      return fail(Code::io, fmt::format("cannot read '{}': it has more than {}", path, format_size(limit)));
    }
  }
}

Result<void> write_file(const std::string& path, std::string_view bytes) {
  if (const auto why = obstacle(path); !why.empty()) {
    return failed("write", path, why);
  }
  std::error_code ignored;
  const auto is_link = std::filesystem::is_symlink(path, ignored);
  const auto target = is_link ? std::filesystem::weakly_canonical(path, ignored).string() : path;
  // No one else's: a process has one debugger's session that writes at a time.
  const auto beside = fmt::format("{}.{}.tmp", target, ::getpid());
  std::remove(beside.c_str());
  File file(beside, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file.is_open()) {
    return failed("write", path, reason(errno));
  }
  auto error = write_all(file, bytes);
  if (error == 0 && std::rename(beside.c_str(), target.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) {
    std::remove(beside.c_str());
    return failed("write", path, reason(error));
  }
  return {};
}

}  // namespace memsnap
