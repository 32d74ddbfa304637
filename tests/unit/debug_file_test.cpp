#include "core/symbols/debug_file.h"

#include <stdlib.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/unit/elf_builder.h"

namespace memsnap {
namespace {

namespace fs = std::filesystem;
using test::ElfBuilder;

// A folder for one test, with a module and what its debug file would be.
class Tree {
 public:
  Tree() {
    auto pattern = (fs::temp_directory_path() / "memsnap-debug-file-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    root = fs::canonical(pattern);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { fs::remove_all(root); }

  std::string write(const std::string& name, const std::string& bytes) const {
    const auto path = root / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

  static std::string debug_image(const std::string& id, const std::string& content = "x") {
    ElfBuilder builder;
    if (!id.empty()) {
      builder.build_id(id);
    }
    builder.section(".debug_info", SHT_PROGBITS, 0, 0, content);
    builder.section(".debug_line", SHT_PROGBITS, 0, 0, "x");
    return builder.build();
  }

  void write_module(const std::string& id, const std::string& link, std::uint32_t checksum = 0) {
    ElfBuilder builder;
    builder.text(0x10);
    if (!id.empty()) {
      builder.build_id(id);
    }
    if (!link.empty()) {
      builder.debug_link(link, checksum);
    }
    module.path = write("bin/program", builder.build());
  }

  // The path found, as it lies in the folder; "" for none.
  std::string found() const {
    const auto file = ElfFile::open(module.path);
    const std::array directories = {(root / "none").string(), (root / "debug").string()};
    const auto result = find_debug_file(module, file ? &*file : nullptr, directories);
    return result ? fs::path(result->path).lexically_relative(root).string() : "";
  }

  fs::path root;
  Module module;
};

TEST_CASE("a module without debug file is not found, with or without its own file", "[unit]") {
  Tree tree;
  CHECK(tree.found().empty());
  tree.write_module("id", "program.debug");
  CHECK(tree.found().empty());
  const auto file = ElfFile::open(tree.module.path);
  REQUIRE(file.has_value());
  const auto result = find_debug_file(tree.module, &*file, {});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::not_found);
}

TEST_CASE("a debug file is found in each of the usual places", "[unit]") {
  Tree tree;
  tree.write_module("id42", "program.debug");
  const std::string place =
      GENERATE("debug/.build-id/69/643432.debug", "bin/program.debug", "bin/.debug/program.debug", "below");
  const auto name = place == "below" ? "debug" + (tree.root / "bin/program.debug").string() : place;
  tree.write(name, Tree::debug_image("id42"));
  CHECK(tree.found() == name);
}

TEST_CASE("the build id leads before names do, and what the debugger told before both", "[unit]") {
  Tree tree;
  tree.write_module("id42", "program.debug");
  tree.write("bin/program.debug", Tree::debug_image("id42"));
  CHECK(tree.found() == "bin/program.debug");
  tree.write("debug/.build-id/69/643432.debug", Tree::debug_image("id42"));
  CHECK(tree.found() == "debug/.build-id/69/643432.debug");
  tree.module.debug_file = tree.write("told", Tree::debug_image("id42"));
  CHECK(tree.found() == "told");
}

TEST_CASE("a debug file of another build is passed over", "[unit]") {
  Tree tree;
  tree.write_module("id42", "program.debug");
  tree.module.debug_file = tree.write("told", Tree::debug_image("id41"));
  tree.write("debug/.build-id/69/643432.debug", Tree::debug_image(""));
  tree.write("bin/program.debug", "no ELF file");
  tree.write("bin/.debug/program.debug", Tree::debug_image("id42"));
  CHECK(tree.found() == "bin/.debug/program.debug");
}

TEST_CASE("the session's build id counts more than that of the file that is there now", "[unit]") {
  Tree tree;
  tree.write_module("id42", "");
  tree.module.build_id = "69643431";
  tree.write("debug/.build-id/69/643431.debug", Tree::debug_image("id41"));
  tree.write("debug/.build-id/69/643432.debug", Tree::debug_image("id42"));
  CHECK(tree.found() == "debug/.build-id/69/643431.debug");
}

TEST_CASE("a build id is enough where the module's file is gone", "[unit]") {
  Tree tree;
  tree.module = {"/nonexistent/program", "69643432", ""};
  tree.write("debug/.build-id/69/643432.debug", Tree::debug_image("id42"));
  CHECK(tree.found() == "debug/.build-id/69/643432.debug");
}

TEST_CASE("without a build id the checksum in the link decides", "[unit]") {
  Tree tree;
  const auto image = Tree::debug_image("", std::string(100'000, 'x'));
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(image.data()), static_cast<uInt>(image.size()));
  tree.write_module("", "program.debug", static_cast<std::uint32_t>(checksum));
  tree.write("bin/program.debug", Tree::debug_image(""));
  CHECK(tree.found().empty());
  tree.write("bin/.debug/program.debug", image);
  CHECK(tree.found() == "bin/.debug/program.debug");
}

TEST_CASE("a link to the module itself, or out of its folder, is not followed", "[unit]") {
  Tree tree;
  tree.write_module("id42", "program");
  CHECK(tree.found().empty());
  tree.write_module("id42", "../program.debug");
  tree.write("program.debug", Tree::debug_image("id42"));
  CHECK(tree.found().empty());
}

TEST_CASE("a module reached by a symbolic link finds the debug file of its real folder", "[unit]") {
  Tree tree;
  tree.write_module("id42", "program.debug");
  tree.write("bin/program.debug", Tree::debug_image("id42"));
  fs::create_directory(tree.root / "links");
  fs::create_symlink(tree.module.path, tree.root / "links/program");
  tree.module.path = (tree.root / "links/program").string();
  CHECK(tree.found() == "bin/program.debug");
}

}  // namespace
}  // namespace memsnap
