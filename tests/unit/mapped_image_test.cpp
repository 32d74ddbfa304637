#include "core/elf/mapped_image.h"

#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "core/elf/elf_file.h"
#include "plugin/local_process.h"
#include "tests/catch.h"
#include "tests/unit/elf_builder.h"
#include "tests/unit/fake_memory.h"

namespace memsnap {
namespace {

using test::ElfBuilder;
using test::FakeMemory;

constexpr std::uint64_t kBase = 0x7f0000000000;

// An image as it would be mapped: the file's bytes at `kBase`, what has an address of its own there.
FakeMemory mapped(const std::string& file) {
  FakeMemory memory;
  memory.map(kBase, 0x4000);
  memory.put_bytes(kBase, file.data(), std::min<std::size_t>(file.size(), 0x4000));
  return memory;
}

std::string image_with_note(const std::string& id) {
  ElfBuilder builder;
  builder.text(0x100);
  builder.build_id(id);
  return builder.build();
}

// Where ElfBuilder wants the note to be.
void put_note(FakeMemory& memory, const std::string& id) {
  std::string note;
  test::append(note, std::uint32_t{4});
  test::append(note, static_cast<std::uint32_t>(id.size()));
  test::append(note, std::uint32_t{NT_GNU_BUILD_ID});
  note += std::string("GNU\0", 4) + id;
  memory.put_bytes(kBase + 0x400, note.data(), note.size());
}

struct LoadedFile {
  std::string path;
  std::uint64_t bias;
};

std::vector<LoadedFile> loaded_files() {
  std::vector<LoadedFile> files;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        const std::string name(info->dlpi_name);
        const auto path = name.empty() ? std::filesystem::read_symlink("/proc/self/exe").string() : name;
        if (path.starts_with('/')) {
          static_cast<std::vector<LoadedFile>*>(into)->push_back({path, info->dlpi_addr});
        }
        return 0;
      },
      &files);
  return files;
}

TEST_CASE("the modules of this process are in its memory as they are in their files", "[unit]") {
  LocalMemory memory;
  memory.set_pid(getpid());
  const auto files = loaded_files();
  REQUIRE(files.size() > 3);
  for (const auto& [path, bias] : files) {
    INFO(path);
    const auto file = ElfFile::open(path);
    REQUIRE(file.has_value());
    const auto image = read_mapped_image(memory, {bias + file->first_page()});
    REQUIRE(image.has_value());
    CHECK(image->bias == bias);
    CHECK(image->build_id == file->build_id());
    CHECK_FALSE(image->build_id.empty());
    for (const auto& code : file->code()) {
      const auto holds = [&](const AddressRange& range) {
        return range.contains(code.begin + bias) && range.contains(code.end + bias - 1);
      };
      CHECK(std::ranges::any_of(image->segments, holds));
      CHECK(std::ranges::any_of(image->code, holds));
    }
  }
}

TEST_CASE("an image is whole pages, ascending, of which the code is a part", "[unit]") {
  auto memory = mapped(image_with_note("\x01\x02"));
  put_note(memory, "\x01\xab");
  const auto image = read_mapped_image(memory, {kBase});
  REQUIRE(image.has_value());
  CHECK(image->bias == kBase);
  CHECK(image->build_id == "01ab");  // of the memory, not the file
  CHECK(image->segments ==
        std::vector<AddressRange>{{{kBase}, {kBase + 0x1000}}, {{kBase + 0x1000}, {kBase + 0x2000}}});
  CHECK(image->code == std::vector<AddressRange>{{{kBase + 0x1000}, {kBase + 0x2000}}});
}

TEST_CASE("what is no image, or not for this processor, is an error", "[unit]") {
  const auto code_of = [](FakeMemory memory) {
    const auto image = read_mapped_image(memory, {kBase});
    REQUIRE_FALSE(image.has_value());
    return image.error().code;
  };
  CHECK(code_of(FakeMemory()) == Code::unmapped);
  CHECK(code_of(mapped("no ELF file, but long enough to be the header of one, which takes 64 bytes")) ==
        Code::malformed);
  ElfBuilder other;
  other.text(0x100);
  other.header.e_machine = EM_AARCH64;
  CHECK(code_of(mapped(other.build())) == Code::malformed);
  CHECK(code_of(mapped(ElfBuilder().build())) == Code::malformed);  // no segments
  FakeMemory cut;
  cut.map(kBase, sizeof(Elf64_Ehdr));
  cut.put_bytes(kBase, image_with_note("x").data(), sizeof(Elf64_Ehdr));
  CHECK(code_of(cut) == Code::unmapped);
}

TEST_CASE("sizes in damaged headers and notes lead nowhere", "[unit]") {
  const auto file = image_with_note("\x01\x02\x03\x04");
  auto memory = mapped(file);
  constexpr auto kFirst = sizeof(Elf64_Ehdr);
  memory.put(kBase + kFirst + offsetof(Elf64_Phdr, p_memsz), ~std::uint64_t{0});
  CHECK(read_mapped_image(memory, {kBase}).error().code == Code::malformed);

  memory = mapped(file);
  put_note(memory, "\x01\x02\x03\x04");
  memory.put(kBase + 0x400, 0xffffffff'ffffffff);  // both sizes in the note
  const auto image = read_mapped_image(memory, {kBase});
  REQUIRE(image.has_value());
  CHECK(image->build_id.empty());
}

}  // namespace
}  // namespace memsnap
