#include "plugin/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/catch.h"
#include "tests/unit/fake_program.h"

namespace memsnap {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

std::string message(const auto& result) { return result ? "none" : result.error().message; }

constexpr std::size_t kLimit = 1000;

TEST_CASE("A file is written as a whole, and read back", "[unit]") {
  const test::TemporaryFolder folder;
  const auto path = folder.write("file", "old and longer");
  const std::string bytes("new\0", 4);
  REQUIRE(message(write_file(path, bytes)) == "none");
  CHECK(read_file(path, kLimit).value() == bytes);
  CHECK(entries(fs::path(path).parent_path()) == 1);
  CHECK(read_file(path, 4).has_value());
  CHECK(message(read_file(path, 3)) == "cannot read '" + path + "': it has more than 3 B");
}

TEST_CASE("A symbolic link stays, and its file is replaced", "[unit]") {
  const test::TemporaryFolder folder;
  const auto path = folder.write("file", "old");
  const auto link = path + "-link";
  fs::create_symlink("file", link);
  REQUIRE(message(write_file(link, "new")) == "none");
  CHECK(fs::is_symlink(link));
  CHECK(read_file(path, kLimit).value() == "new");
}

TEST_CASE("What is no regular file is neither written nor read", "[unit]") {
  const test::TemporaryFolder folder;
  const auto inside = folder.write("file", "old");
  const auto path = fs::path(inside).parent_path().string();
  const auto fifo = path + "/fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(message(write_file(path, "new")) == "cannot write '" + path + "': Is a directory");
  CHECK(message(read_file(path, kLimit)) == "cannot read '" + path + "': Is a directory");
  CHECK(message(write_file(fifo, "new")) == "cannot write '" + fifo + "': Not a regular file");
  CHECK(message(read_file(fifo, kLimit)) == "cannot read '" + fifo + "': Not a regular file");
  CHECK(message(write_file(path + "/none/x", "")) == "cannot write '" + path + "/none/x': No such file or directory");
  CHECK(message(write_file(inside + "/x", "")) == "cannot write '" + inside + "/x': Not a directory");
  CHECK(message(read_file(path + "/none", kLimit)) == "cannot read '" + path + "/none': No such file or directory");
  CHECK(entries(path) == 2);
}

TEST_CASE("A file is left as it was where the new one cannot be written", "[unit]") {
  const test::TemporaryFolder folder;
  const auto path = folder.write("file", "old");
  // A folder in the way, with something in it.
  const auto beside = path + "." + std::to_string(::getpid()) + ".tmp";
  fs::create_directory(beside);
  folder.write(fs::path(beside).filename().string() + "/kept", "");
  CHECK_FALSE(write_file(path, "new").has_value());
  CHECK(read_file(path, kLimit).value() == "old");
}

TEST_CASE("A tilde is a home folder at the beginning of a path alone", "[unit]") {
  const char* home = std::getenv("HOME");
  const std::string own = home == nullptr ? expand_home("~") : home;
  CHECK(expand_home("~") == own);
  CHECK(expand_home("~/x/~") == own + "/x/~");
  CHECK(expand_home("~root/x").ends_with("/x"));
  CHECK(expand_home("~root/x") != "~root/x");
  CHECK(expand_home("~nobody-of-this-name/x") == "~nobody-of-this-name/x");
  CHECK(expand_home("a~/x") == "a~/x");
  CHECK(expand_home("").empty());
}

}  // namespace
}  // namespace memsnap
