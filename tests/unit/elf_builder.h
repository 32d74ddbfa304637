#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace memsnap::test {

/// Appends the bytes of a plain value.
template <typename T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Bytes from numbers, as a specification prints them.
inline std::string bytes_of(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) {
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

/// Makes small ELF images byte by byte, so that tests need no compiler for what compilers do not write.
class ElfBuilder {
 public:
  static constexpr std::uint64_t kText = 0x1000;

  ElfBuilder() {
    header.e_ident[EI_MAG0] = ELFMAG0;
    header.e_ident[EI_MAG1] = ELFMAG1;
    header.e_ident[EI_MAG2] = ELFMAG2;
    header.e_ident[EI_MAG3] = ELFMAG3;
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
  }

  /// A section; one with SHF_ALLOC is mapped by a PT_LOAD segment of its own. Returns its index.
  Elf64_Half section(std::string_view name, Elf64_Word type, Elf64_Xword flags, std::uint64_t address,
                     std::string bytes, Elf64_Word link = 0, Elf64_Xword entry_size = 0) {
    sections_.push_back({std::string(name), type, flags, address, std::move(bytes), link, entry_size});
    return static_cast<Elf64_Half>(sections_.size());
  }
  /// Code: zeroes at `address`.
  Elf64_Half text(std::size_t size, std::uint64_t address = kText) {
    return section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, address, std::string(size, '\0'));
  }
  /// A segment of this type over the section with this index.
  void segment(Elf64_Word type, Elf64_Half index) { segments_.push_back({type, index}); }

  void symbol(const std::string& name, std::uint64_t value, std::uint64_t size, int binding = STB_GLOBAL,
              int type = STT_FUNC, Elf64_Half section_index = 1) {
    Elf64_Sym entry{};
    entry.st_name = static_cast<Elf64_Word>(names_.size());
    entry.st_info = static_cast<unsigned char>(ELF64_ST_INFO(binding, type));
    entry.st_shndx = section_index;
    entry.st_value = value;
    entry.st_size = size;
    names_ += name + '\0';
    append(symbols_, entry);
  }
  void build_id(const std::string& id) {
    std::string note;
    append(note, std::uint32_t{4});
    append(note, static_cast<std::uint32_t>(id.size()));
    append(note, std::uint32_t{NT_GNU_BUILD_ID});
    note += std::string("GNU\0", 4) + id;
    note.resize((note.size() + 3) / 4 * 4);
    section(".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, 0x400, note);
    segment(PT_NOTE, static_cast<Elf64_Half>(sections_.size()));
  }
  void debug_link(const std::string& name, std::uint32_t checksum = 0) {
    std::string bytes = name + '\0';
    bytes.resize((bytes.size() + 3) / 4 * 4);
    append(bytes, checksum);
    section(".gnu_debuglink", SHT_PROGBITS, 0, 0, bytes);
  }

  std::string build() {
    auto sections = sections_;
    if (!symbols_.empty()) {
      sections.push_back({".strtab", SHT_STRTAB, 0, 0, names_, 0, 0});
      sections.push_back({".symtab", SHT_SYMTAB, 0, 0, std::string(sizeof(Elf64_Sym), '\0') + symbols_,
                          static_cast<Elf64_Word>(sections.size()), sizeof(Elf64_Sym)});
    }
    sections.push_back({".shstrtab", SHT_STRTAB, 0, 0, {}, 0, 0});

    std::vector<Elf64_Phdr> segments;
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      if ((sections_[i].flags & SHF_ALLOC) != 0) {
        segments.push_back(Elf64_Phdr{});
      }
    }
    segments.resize(segments.size() + segments_.size());

    std::string names(1, '\0');
    std::vector<Elf64_Shdr> headers(1);
    std::string body;
    const auto body_begin = sizeof(Elf64_Ehdr) + segments.size() * sizeof(Elf64_Phdr);
    for (auto& section : sections) {
      Elf64_Shdr entry{};
      entry.sh_name = static_cast<Elf64_Word>(names.size());
      names += section.name + '\0';
      if (section.name == ".shstrtab") {
        section.bytes = names;
      }
      body.resize((body.size() + 7) / 8 * 8);
      entry.sh_type = section.type;
      entry.sh_flags = section.flags;
      entry.sh_addr = section.address;
      entry.sh_offset = body_begin + body.size();
      entry.sh_size = section.bytes.size();
      entry.sh_link = section.link;
      entry.sh_addralign = section.type == SHT_NOTE ? 4 : 8;
      entry.sh_entsize = section.entry_size;
      headers.push_back(entry);
      body += section.bytes;
    }
    body.resize((body.size() + 7) / 8 * 8);

    auto next = segments.begin();
    const auto map = [&](Elf64_Word type, const Elf64_Shdr& from) {
      next->p_type = type;
      next->p_flags = static_cast<Elf64_Word>(PF_R | ((from.sh_flags & SHF_EXECINSTR) != 0 ? PF_X : 0));
      next->p_offset = from.sh_offset;
      next->p_vaddr = next->p_paddr = from.sh_addr;
      next->p_filesz = next->p_memsz = from.sh_size;
      next->p_align = from.sh_addralign;
      ++next;
    };
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      if ((sections_[i].flags & SHF_ALLOC) != 0) {
        map(PT_LOAD, headers[i + 1]);
      }
    }
    for (const auto& [type, index] : segments_) {
      map(type, headers[index]);
    }

    auto first = header;
    first.e_ehsize = sizeof(Elf64_Ehdr);
    first.e_phentsize = sizeof(Elf64_Phdr);
    first.e_phnum = static_cast<Elf64_Half>(segments.size());
    first.e_phoff = segments.empty() ? 0 : sizeof(Elf64_Ehdr);
    if (has_section_headers) {
      first.e_shentsize = sizeof(Elf64_Shdr);
      first.e_shnum = static_cast<Elf64_Half>(headers.size());
      first.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
      first.e_shoff = body_begin + body.size();
    }
    std::string image;
    append(image, first);
    for (const auto& segment : segments) {
      append(image, segment);
    }
    image += body;
    for (const auto& entry : headers) {
      if (has_section_headers) {
        append(image, entry);
      }
    }
    return image;
  }

  Elf64_Ehdr header{};
  bool has_section_headers = true;

 private:
  struct Section {
    std::string name;
    Elf64_Word type;
    Elf64_Xword flags;
    std::uint64_t address;
    std::string bytes;
    Elf64_Word link;
    Elf64_Xword entry_size;
  };
  struct Segment {
    Elf64_Word type;
    Elf64_Half section;
  };
  std::vector<Section> sections_;
  std::vector<Segment> segments_;
  std::string names_ = std::string(1, '\0');
  std::string symbols_;
};

}  // namespace memsnap::test
