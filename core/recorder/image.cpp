#include "core/recorder/image.h"

#include <gelf.h>

#include <string_view>
#include <utility>

#include "core/elf/elf_file.h"

extern "C" {
// See cmake/embed.cmake.
__attribute__((visibility("hidden"))) extern const std::byte memsnap_recorder_image_begin[];
__attribute__((visibility("hidden"))) extern const std::byte memsnap_recorder_image_end[];
}

namespace memsnap {
namespace {

// Calls `visit` with the name and value of each symbol.
template <typename Visit>
void for_each_symbol(Elf* elf, Visit visit) {
  for (auto* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
    GElf_Shdr header{};
    auto* data = elf_getdata(section, nullptr);
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB || data == nullptr) {
      continue;
    }
    GElf_Sym symbol{};
    for (int i = 0; gelf_getsym(data, i, &symbol) != nullptr; ++i) {
      if (const auto* name = elf_strptr(elf, header.sh_link, symbol.st_name); name != nullptr) {
        visit(std::string_view(name), symbol.st_value);
      }
    }
  }
}

}  // namespace

Result<RecorderImage> recorder_image() {
  const std::span<const std::byte> file(memsnap_recorder_image_begin, memsnap_recorder_image_end);
  auto elf = ElfFile::from_bytes({reinterpret_cast<const char*>(file.data()), file.size()});
  if (!elf) {
    return std::unexpected(elf.error());
  }
  RecorderImage image;
  std::uint64_t end = 0;
  const std::pair<std::string_view, std::uint64_t*> wanted[] = {
      {"memsnap_hook", &image.hook},
      {"memsnap_hook_free", &image.hook_free},
      {"memsnap_hook_glibc", &image.hook_glibc},
      {"memsnap_hook_glibc_free", &image.hook_glibc_free},
      {"memsnap_hook_find_fde", &image.hook_find_fde},
      {"memsnap_hook_delete", &image.hook_delete},
      {"memsnap_hook_filter", &image.hook_filter},
      {"memsnap_hook_exit", &image.hook_exit},
      {"memsnap_exiting", &image.exiting},
      {"memsnap_passed", &image.passed},
      {"memsnap_faulted", &image.faulted},
      {"memsnap_control", &image.control},
      {"memsnap_unwind_begin", &image.unwind_begin},
      {"memsnap_unwind_end", &image.unwind_end},
      {"memsnap_image_end", &end},
  };
  for_each_symbol(elf->handle(), [&](std::string_view name, std::uint64_t value) {
    for (const auto& [known, to] : wanted) {
      if (name == known) {
        *to = value;
      }
    }
  });
  for (const auto& [name, value] : wanted) {
    if (*value == 0 || *value > file.size()) {
      return fail(Code::malformed, "the recorder's image lacks a symbol; this build of memsnap is broken");
    }
  }
  image.bytes = file.first(static_cast<std::size_t>(end));
  return image;
}

}  // namespace memsnap
