#include "core/elf/elf_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

namespace memsnap {

struct ElfFile::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (elf != nullptr) {
      elf_end(elf);
    }
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  }

  std::string bytes;  // what libelf points into, where the file was given as bytes
  int descriptor = -1;
  Elf* elf = nullptr;
};

namespace {

Result<void> check_is_ours(Elf* elf, const std::string& name) {
  GElf_Ehdr header;
  if (elf == nullptr || elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &header) == nullptr) {
    return fail(Code::malformed, fmt::format("{} is not an ELF file", name));
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64) {
    return fail(Code::malformed, fmt::format("{} is an ELF file, but not for x86-64", name));
  }
  return {};
}

template <typename Visit>
void for_each_segment(Elf* elf, Visit visit) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) {
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) != nullptr) {
      visit(segment);
    }
  }
}

// The bytes in the file of what is loaded at `address`, up to the end of its segment.
std::string loaded(Elf* elf, std::uint64_t address, std::uint64_t longest) {
  std::string result;
  for_each_segment(elf, [&](const GElf_Phdr& segment) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz) {
      return;
    }
    const auto skipped = address - segment.p_vaddr;
    const auto size = std::min(segment.p_filesz - skipped, longest);
    const auto* data =
        elf_getdata_rawchunk(elf, static_cast<std::int64_t>(segment.p_offset + skipped), size, ELF_T_BYTE);
    if (data != nullptr && data->d_buf != nullptr) {
      result.assign(static_cast<const char*>(data->d_buf), data->d_size);
    }
  });
  return result;
}

std::string loaded_string(Elf* elf, std::uint64_t address) {
  constexpr std::uint64_t kLongest = 4096;
  const auto text = loaded(elf, address, kLongest);
  return text.substr(0, text.find('\0'));
}

// By segments, not sections: a file may have lost its section headers and is still loaded by this.
std::optional<std::uint64_t> dynamic_entry(Elf* elf, std::int64_t tag) {
  std::optional<std::uint64_t> value;
  for_each_segment(elf, [&](const GElf_Phdr& segment) {
    if (segment.p_type != PT_DYNAMIC) {
      return;
    }
    auto* data = elf_getdata_rawchunk(elf, static_cast<std::int64_t>(segment.p_offset), segment.p_filesz, ELF_T_DYN);
    GElf_Dyn entry;
    for (int i = 0; data != nullptr && gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i) {
      if (entry.d_tag == tag) {
        value = entry.d_un.d_val;
      }
    }
  });
  return value;
}

constexpr std::array kFunctions = {STT_FUNC, STT_GNU_IFUNC};
constexpr std::array kVariables = {STT_OBJECT};

void visit_symbols(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, std::span<const int> types,
                   const std::function<void(const ElfSymbol&)>& visit) {
  auto* data = elf_getdata(section, nullptr);
  if (data == nullptr || header.sh_entsize != sizeof(Elf64_Sym)) {
    return;
  }
  const auto count = static_cast<int>(std::min<std::size_t>(data->d_size / sizeof(Elf64_Sym), 0x7fffffff));
  for (int i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(data, i, &symbol) == nullptr) {
      continue;
    }
    const bool is_wanted = std::ranges::find(types, static_cast<int>(GELF_ST_TYPE(symbol.st_info))) != types.end();
    if (!is_wanted || symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS) {
      continue;
    }
    const char* text = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (text == nullptr || *text == '\0') {
      continue;
    }
    std::string_view name(text);
    if (const auto version = name.find('@'); version != 0) {
      name = name.substr(0, version);
    }
    const auto binding = GELF_ST_BIND(symbol.st_info);
    visit({std::string(name), symbol.st_value, symbol.st_size, binding != STB_LOCAL});
  }
}

template <typename Visit>
void for_each_section(Elf* elf, Visit visit) {
  for (auto* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) != nullptr) {
      visit(section, header);
    }
  }
}

// .symtab first and then .dynsym.
void visit_symbol_tables(Elf* elf, std::span<const int> types, const std::function<void(const ElfSymbol&)>& visit) {
  for (const auto wanted : {SHT_SYMTAB, SHT_DYNSYM}) {
    for_each_section(elf, [&](Elf_Scn* section, const GElf_Shdr& header) {
      if (header.sh_type == static_cast<GElf_Word>(wanted)) {
        visit_symbols(elf, section, header, types, visit);
      }
    });
  }
}

}  // namespace

ElfFile::ElfFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElfFile::ElfFile(ElfFile&&) noexcept = default;
ElfFile& ElfFile::operator=(ElfFile&&) noexcept = default;
ElfFile::~ElfFile() = default;

Result<ElfFile> ElfFile::open(const std::string& path) {
  elf_version(EV_CURRENT);
  auto state = std::make_unique<State>();
  // O_NONBLOCK: a path that names a pipe must not make the debugger wait for a writer.
  state->descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status = {};
  if (state->descriptor < 0 || ::fstat(state->descriptor, &status) != 0) {
    return fail(Code::io, fmt::format("cannot open {}: {}", path, std::generic_category().message(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(Code::io, fmt::format("cannot open {}: not a regular file", path));
  }
  state->elf = elf_begin(state->descriptor, ELF_C_READ_MMAP, nullptr);
  if (auto checked = check_is_ours(state->elf, path); !checked) {
    return std::unexpected(checked.error());
  }
  return ElfFile(std::move(state));
}

Result<ElfFile> ElfFile::from_bytes(std::string bytes) {
  elf_version(EV_CURRENT);
  auto state = std::make_unique<State>();
  state->bytes = std::move(bytes);
  if (state->bytes.size() >= sizeof(Elf64_Ehdr)) {
    state->elf = elf_memory(state->bytes.data(), state->bytes.size());
  }
  if (auto checked = check_is_ours(state->elf, "this image"); !checked) {
    return std::unexpected(checked.error());
  }
  return ElfFile(std::move(state));
}

Elf* ElfFile::handle() const { return state_->elf; }

std::string ElfFile::build_id() const {
  const void* id = nullptr;
  const auto size = dwelf_elf_gnu_build_id(handle(), &id);
  if (size <= 0 || id == nullptr) {
    return {};
  }
  const std::span bytes(static_cast<const unsigned char*>(id), static_cast<std::size_t>(size));
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

std::string ElfFile::debug_link() const {
  GElf_Word checksum = 0;
  const char* name = dwelf_elf_gnu_debuglink(handle(), &checksum);
  return name == nullptr ? std::string() : std::string(name);
}

std::uint64_t ElfFile::init_array() const { return dynamic_entry(handle(), DT_INIT_ARRAY).value_or(0); }

std::string ElfFile::soname() const {
  const auto name = dynamic_entry(handle(), DT_SONAME);
  return name ? loaded_string(handle(), dynamic_entry(handle(), DT_STRTAB).value_or(0) + *name) : std::string();
}

bool ElfFile::is_position_independent() const {
  GElf_Ehdr header;
  return gelf_getehdr(handle(), &header) != nullptr && header.e_type == ET_DYN;
}

std::uint64_t ElfFile::static_entry() const {
  bool has_loader = false;
  for_each_segment(handle(), [&](const GElf_Phdr& segment) { has_loader = has_loader || segment.p_type == PT_INTERP; });
  GElf_Ehdr header;
  return !has_loader && gelf_getehdr(handle(), &header) != nullptr ? header.e_entry : 0;
}

std::uint64_t ElfFile::first_page() const {
  std::uint64_t lowest = ~std::uint64_t{0};
  for_each_segment(handle(), [&](const GElf_Phdr& segment) {
    if (segment.p_type == PT_LOAD) {
      lowest = std::min(lowest, segment.p_vaddr);
    }
  });
  return lowest == ~std::uint64_t{0} ? 0 : lowest & ~(kPage - 1);
}

bool ElfFile::has_debug_info() const {
  std::size_t names = 0;
  if (elf_getshdrstrndx(handle(), &names) != 0) {
    return false;
  }
  bool has_info = false;
  bool has_lines = false;
  for_each_section(handle(), [&](Elf_Scn*, const GElf_Shdr& header) {
    const char* text = elf_strptr(handle(), names, header.sh_name);
    if (text == nullptr || header.sh_type == SHT_NOBITS || header.sh_size == 0) {
      return;
    }
    const std::string_view name(text);
    has_info |= name == ".debug_info" || name == ".zdebug_info";
    has_lines |= name == ".debug_line" || name == ".zdebug_line";
  });
  return has_info && has_lines;
}

std::vector<std::byte> ElfFile::loaded_bytes(AddressRange range) const {
  const auto text = loaded(state_->elf, range.begin.value, range.end - range.begin);
  std::vector<std::byte> bytes(text.size());
  std::ranges::transform(text, bytes.begin(), [](char each) { return static_cast<std::byte>(each); });
  return bytes;
}

std::vector<AddressRange> ElfFile::code() const {
  std::vector<AddressRange> ranges;
  for_each_segment(handle(), [&](const GElf_Phdr& segment) {
    const auto end = segment.p_vaddr + segment.p_memsz;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 && end > segment.p_vaddr) {
      ranges.push_back({Address{segment.p_vaddr}, Address{end}});
    }
  });
  std::ranges::sort(ranges);
  return ranges;
}

void ElfFile::for_each_function(const std::function<void(const ElfSymbol&)>& visit) const {
  visit_symbol_tables(handle(), kFunctions, visit);
}

void ElfFile::for_each_variable(const std::function<void(const ElfSymbol&)>& visit) const {
  visit_symbol_tables(handle(), kVariables, visit);
}

}  // namespace memsnap
