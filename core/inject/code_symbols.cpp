#include "core/inject/code_symbols.h"

#include <dwarf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "core/inject/instruction.h"
#include "core/unwind/dwarf_registers.h"

namespace memsnap {
namespace {

UnwindRow at_entry(Address begin) { return {begin.value, CfaRule::rsp_offset, kWord, UnwindRow::kRbpUnchanged}; }

class FrameWriter {
 public:
  void byte(unsigned value) { bytes_.push_back(static_cast<char>(value)); }
  template <typename T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void uleb(std::uint64_t value) {
    do {
      const auto rest = value >> 7;
      byte(static_cast<unsigned>(value & 0x7f) | (rest != 0 ? 0x80U : 0U));
      value = rest;
    } while (value != 0);
  }
  void sleb(std::int64_t value) {
    while (value < -64 || value > 63) {
      byte(static_cast<unsigned>(value & 0x7f) | 0x80U);
      value >>= 7;
    }
    byte(static_cast<unsigned>(value) & 0x7f);
  }

  // An entry, made up to whole words; its length stands in front.
  std::size_t begin() {
    number(std::uint32_t{0});
    return bytes_.size();
  }
  void end(std::size_t entry) {
    while ((bytes_.size() - entry + sizeof(std::uint32_t)) % kWord != 0) {
      byte(DW_CFA_nop);
    }
    const auto length = static_cast<std::uint32_t>(bytes_.size() - entry);
    std::memcpy(bytes_.data() + entry - sizeof length, &length, sizeof length);
  }

  std::size_t size() const { return bytes_.size(); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

void write_common(FrameWriter& writer) {
  const auto entry = writer.begin();
  writer.number(std::uint32_t{0});
  writer.byte(1);  // version
  writer.number(std::array<char, 3>{'z', 'R', '\0'});
  writer.uleb(1);                     // code alignment
  writer.sleb(-std::int64_t{kWord});  // data alignment
  writer.byte(dwarf::kReturnAddress);
  writer.uleb(1);
  writer.byte(DW_EH_PE_absptr);
  writer.byte(DW_CFA_offset + dwarf::kReturnAddress);
  writer.uleb(1);
  writer.end(entry);
}

void write_row(FrameWriter& writer, const UnwindRow& row) {
  writer.byte(DW_CFA_def_cfa);
  writer.uleb(row.rule == CfaRule::rbp_offset ? dwarf::kRbp : dwarf::kRsp);
  writer.uleb(static_cast<std::uint64_t>(row.cfa_offset));
  if (row.rbp_offset == UnwindRow::kRbpUnchanged) {
    writer.byte(DW_CFA_same_value);
    writer.uleb(dwarf::kRbp);
  } else {
    writer.byte(DW_CFA_offset_extended_sf);
    writer.uleb(dwarf::kRbp);
    writer.sleb(row.rbp_offset / -static_cast<std::int32_t>(kWord));
  }
}

void write_description(FrameWriter& writer, const LaidOutCode& code) {
  const auto entry = writer.begin();
  writer.number(static_cast<std::uint32_t>(entry));  // how far behind the common entry, which is the first
  writer.number(code.range.begin.value);
  writer.number(code.range.end - code.range.begin);
  writer.uleb(0);
  auto at = code.range.begin.value;
  for (const auto& row : code.rows) {
    if ((row.rule != CfaRule::rsp_offset && row.rule != CfaRule::rbp_offset) || row.cfa_offset < 0) {
      continue;
    }
    if (row.begin > at) {
      writer.byte(DW_CFA_advance_loc4);
      writer.number(static_cast<std::uint32_t>(row.begin - at));
      at = row.begin;
    }
    write_row(writer, row);
  }
  writer.end(entry);
}

std::string frame_section(std::span<const LaidOutCode> codes) {
  FrameWriter writer;
  write_common(writer);
  for (const auto& code : codes) {
    write_description(writer, code);
  }
  writer.number(std::uint32_t{0});
  return writer.take();
}

// The pages of the code, joined where they touch: each is a section and a segment of its own.
std::vector<AddressRange> pages_of(std::span<const LaidOutCode> codes) {
  std::vector<AddressRange> pages;
  for (const auto& code : codes) {
    pages.push_back(whole_pages(code.range));
  }
  std::ranges::sort(pages);
  std::vector<AddressRange> joined;
  for (const auto& each : pages) {
    if (!joined.empty() && each.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, each.end);
    } else {
      joined.push_back(each);
    }
  }
  return joined;
}

// A string table under construction.
class Names {
 public:
  std::uint32_t add(std::string_view name) {
    const auto at = static_cast<std::uint32_t>(text_.size());
    text_.append(name).push_back('\0');
    return at;
  }
  std::string& text() { return text_; }

 private:
  std::string text_ = std::string(1, '\0');
};

// One file being written by libelf, which takes the bytes of each section when the file is closed.
class FileWriter {
 public:
  explicit FileWriter(int descriptor) : elf_(elf_begin(descriptor, ELF_C_WRITE, nullptr), &elf_end) {}

  bool write(std::span<const LaidOutCode> codes) {
    const auto pages = pages_of(codes);
    auto* header = elf_ == nullptr ? nullptr : elf64_newehdr(elf_.get());
    auto* segments = header == nullptr ? nullptr : elf64_newphdr(elf_.get(), pages.size());
    if (segments == nullptr) {
      return false;
    }
    std::memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_type = ET_DYN;  // as a program it would be one more that a debugger could take for the one to run
    header->e_machine = EM_X86_64;
    header->e_version = EV_CURRENT;
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const auto size = pages[i].end - pages[i].begin;
      segments[i] = {PT_LOAD, PF_R | PF_X, 0, pages[i].begin.value, pages[i].begin.value, 0, size, 1};
      add({section_names_.add(".text"), SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, pages[i].begin.value, 0, size, 0, 0, 16,
           0},
          nullptr, size);
    }
    add_frames(codes);
    add_symbols(codes, pages);
    const auto strings = add({section_names_.add(".shstrtab"), SHT_STRTAB, 0, 0, 0, 0, 0, 0, 1, 0}, nullptr, 0);
    set_text(strings, section_names_.text());
    header->e_shstrndx = static_cast<Elf64_Half>(strings);
    return is_good_ && elf_update(elf_.get(), ELF_C_WRITE) >= 0;
  }

 private:
  std::size_t add(const Elf64_Shdr& wanted, void* bytes, std::size_t size) {
    auto* section = elf_newscn(elf_.get());
    auto* header = section == nullptr ? nullptr : elf64_getshdr(section);
    auto* data = section == nullptr ? nullptr : elf_newdata(section);
    if (header == nullptr || data == nullptr) {
      is_good_ = false;
      return 0;
    }
    *header = wanted;
    data->d_buf = bytes;
    data->d_size = size;
    data->d_type = wanted.sh_type == SHT_SYMTAB ? ELF_T_SYM : ELF_T_BYTE;
    data->d_align = wanted.sh_addralign;
    data->d_version = EV_CURRENT;
    return elf_ndxscn(section);
  }

  void set_text(std::size_t section, std::string& text) {
    auto* data = section == 0 ? nullptr : elf_getdata(elf_getscn(elf_.get(), section), nullptr);
    if (data != nullptr) {
      data->d_buf = text.data();
      data->d_size = text.size();
    }
  }

  void add_frames(std::span<const LaidOutCode> codes) {
    frames_ = frame_section(codes);
    add({section_names_.add(".eh_frame"), SHT_PROGBITS, 0, 0, 0, 0, 0, 0, kWord, 0}, frames_.data(), frames_.size());
  }

  void add_symbols(std::span<const LaidOutCode> codes, std::span<const AddressRange> pages) {
    symbols_.push_back({});
    for (const auto& code : codes) {
      const auto page = std::ranges::find_if(pages, [&](const auto& each) { return each.contains(code.range.begin); });
      Elf64_Sym symbol{};
      symbol.st_name = symbol_names_.add(code.name);
      symbol.st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
      symbol.st_shndx = static_cast<Elf64_Section>(1 + (page - pages.begin()));
      symbol.st_value = code.range.begin.value;
      symbol.st_size = code.range.end - code.range.begin;
      symbols_.push_back(symbol);
    }
    const auto names = add({section_names_.add(".strtab"), SHT_STRTAB, 0, 0, 0, 0, 0, 0, 1, 0}, nullptr, 0);
    set_text(names, symbol_names_.text());
    add({section_names_.add(".symtab"), SHT_SYMTAB, 0, 0, 0, 0, static_cast<Elf64_Word>(names),
         static_cast<Elf64_Word>(symbols_.size()), kWord, sizeof(Elf64_Sym)},
        symbols_.data(), symbols_.size() * sizeof(Elf64_Sym));
  }

  std::unique_ptr<Elf, decltype(&elf_end)> elf_;
  bool is_good_ = true;
  std::string frames_;
  std::vector<Elf64_Sym> symbols_;
  Names symbol_names_;
  Names section_names_;
};

// Where the moved instructions end and the way back into the function begins, and what that is at in the function.
std::optional<MovedInstruction> way_back(const HookPlan& plan) {
  const auto& moved = plan.moved;
  const auto last = moved.instructions.empty() ? MovedInstruction() : moved.instructions.back();
  if (last.moved >= moved.bytes.size()) {
    return std::nullopt;
  }
  const auto rest = std::span(moved.bytes).subspan(last.moved);
  const auto instruction = decode_instruction(rest, moved.address + last.moved);
  if (!instruction || instruction->length >= rest.size()) {
    return std::nullopt;
  }
  // Only where the instruction was copied as it is: the others are longer than they were, or are the end.
  return MovedInstruction{last.original + instruction->length, last.moved + instruction->length};
}

}  // namespace

std::vector<LaidOutCode> describe_hook(const HookPlan& plan, const std::string& function, const UnwindTable* table,
                                       std::uint64_t bias) {
  std::vector<LaidOutCode> codes;
  codes.push_back({"memsnap_stub_" + function, {plan.stub, plan.stub + kStubSize}, {at_entry(plan.stub)}});
  if (plan.landing) {
    codes.push_back(
        {"memsnap_landing_" + function, {*plan.landing, *plan.landing + kPatchSize}, {at_entry(*plan.landing)}});
  }
  const auto& moved = plan.moved;
  LaidOutCode code{"memsnap_moved_" + function, {moved.address, moved.address + moved.bytes.size()}, {}};
  auto instructions = moved.instructions;
  if (const auto end = way_back(plan)) {
    instructions.push_back(*end);
  }
  for (const auto& instruction : instructions) {
    const auto* row = table == nullptr ? nullptr : table->find((moved.patch + instruction.original).value - bias);
    auto known = row == nullptr ? at_entry(moved.address) : *row;
    known.begin = (moved.address + instruction.moved).value;
    code.rows.push_back(known);
  }
  codes.push_back(std::move(code));
  return codes;
}

Result<void> write_symbol_file(const std::string& path, std::span<const LaidOutCode> codes) {
  elf_version(EV_CURRENT);
  const auto file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  const bool is_written = file >= 0 && FileWriter(file).write(codes);
  if (file >= 0) {
    close(file);
  }
  return is_written ? Result<void>() : fail(Code::io, fmt::format("{} cannot be written", path));
}

}  // namespace memsnap
