#include "core/elf/mapped_image.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace memsnap {
namespace {

constexpr std::uint64_t kLargestNotes = std::uint64_t{1} << 16;
constexpr std::uint64_t kLargestSegment = std::uint64_t{1} << 47;

template <typename T>
bool read_all(MemoryReader& memory, Address from, std::span<T> into) {
  const auto bytes = std::as_writable_bytes(into);
  return memory.read(from, bytes) == bytes.size();
}

bool is_ours(const Elf64_Ehdr& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
         header.e_ident[EI_DATA] == ELFDATA2LSB && header.e_machine == EM_X86_64 &&
         header.e_phentsize == sizeof(Elf64_Phdr);
}

// The size with what fills it up to the next entry. Source: gABI, note section.
std::uint64_t padded(std::uint64_t size) { return (size + 3) / 4 * 4; }

std::string build_id_in(std::span<const std::byte> notes) {
  constexpr std::string_view kOwner("GNU\0", 4);
  Elf64_Nhdr note{};
  while (notes.size() >= sizeof note) {
    std::memcpy(&note, notes.data(), sizeof note);
    notes = notes.subspan(sizeof note);
    const auto name_size = padded(note.n_namesz);
    const auto size = padded(note.n_descsz);
    if (name_size > notes.size() || size > notes.size() - name_size) {
      break;
    }
    const auto is_owner =
        note.n_namesz == kOwner.size() && std::memcmp(notes.data(), kOwner.data(), kOwner.size()) == 0;
    if (note.n_type == NT_GNU_BUILD_ID && is_owner) {
      std::string id;
      for (const auto byte : notes.subspan(name_size, note.n_descsz)) {
        id += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
      }
      return id;
    }
    notes = notes.subspan(name_size + size);
  }
  return {};
}

}  // namespace

Result<MappedImage> read_mapped_image(MemoryReader& memory, Address header) {
  Elf64_Ehdr file{};
  if (!read_all(memory, header, std::span(&file, 1))) {
    return fail(Code::unmapped, fmt::format("no ELF header can be read at {:#x}", header.value), header);
  }
  if (!is_ours(file)) {
    return fail(Code::malformed, fmt::format("no ELF file for x86-64 is mapped at {:#x}", header.value), header);
  }
  std::vector<Elf64_Phdr> segments(file.e_phnum);
  if (!read_all(memory, header + file.e_phoff, std::span(segments))) {
    return fail(Code::unmapped, fmt::format("the ELF headers at {:#x} cannot be read", header.value), header);
  }
  const auto is_loaded = [](const Elf64_Phdr& segment) { return segment.p_type == PT_LOAD && segment.p_memsz != 0; };
  std::optional<std::uint64_t> first;
  for (const auto& segment : segments) {
    if (is_loaded(segment)) {
      const auto page = segment.p_vaddr / kPage * kPage;
      first = std::min(first.value_or(page), page);
    }
  }
  if (!first) {
    return fail(Code::malformed, fmt::format("the ELF file at {:#x} loads nothing", header.value), header);
  }
  MappedImage image;
  image.bias = header.value - *first;
  for (const auto& segment : segments) {
    const Address begin{segment.p_vaddr + image.bias};
    if (is_loaded(segment)) {
      if (segment.p_memsz > kLargestSegment || segment.p_filesz > segment.p_memsz) {
        return fail(Code::malformed, fmt::format("the ELF headers at {:#x} are damaged", header.value), header);
      }
      image.segments.push_back(whole_pages({begin, begin + segment.p_memsz}));
      if ((segment.p_flags & PF_X) != 0) {
        image.code.push_back(whole_pages({begin, begin + segment.p_filesz}));
      }
    } else if (segment.p_type == PT_NOTE && image.build_id.empty()) {
      std::vector<std::byte> notes(std::min(segment.p_memsz, kLargestNotes));
      notes.resize(memory.read(begin, notes));
      image.build_id = build_id_in(notes);
    }
  }
  std::ranges::sort(image.segments);
  std::ranges::sort(image.code);
  return image;
}

}  // namespace memsnap
