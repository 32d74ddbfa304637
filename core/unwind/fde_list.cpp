#include "core/unwind/fde_list.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "core/unwind/byte_cursor.h"

namespace memsnap {
namespace {

struct Section {
  Elf_Data data{};
  std::uint64_t address = 0;
};

std::optional<Section> find_section(Elf* elf, std::string_view wanted) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) {
    return std::nullopt;
  }
  for (auto* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) {
      continue;
    }
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name == nullptr || name != wanted) {
      continue;
    }
    if (const auto* data = elf_rawdata(section, nullptr); data != nullptr && data->d_buf != nullptr) {
      return Section{*data, header.sh_addr};
    }
  }
  return std::nullopt;
}

// A file without section headers still has the segment that the C++ runtime finds its tables by: an .eh_frame_hdr.
std::optional<Section> find_eh_frame_by_segment(Elf* elf) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) {
    return std::nullopt;
  }
  std::vector<GElf_Phdr> loads;
  std::optional<std::uint64_t> address;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) {
      continue;
    }
    if (segment.p_type == PT_LOAD) {
      loads.push_back(segment);
    } else if (segment.p_type == PT_GNU_EH_FRAME) {
      const auto* data =
          elf_getdata_rawchunk(elf, static_cast<std::int64_t>(segment.p_offset), segment.p_filesz, ELF_T_BYTE);
      if (data == nullptr || data->d_buf == nullptr) {
        continue;
      }
      ByteCursor cursor({static_cast<const std::uint8_t*>(data->d_buf), data->d_size});
      const auto version = cursor.fixed<std::uint8_t>();
      const auto encoding = cursor.fixed<std::uint8_t>();
      cursor.skip(2);
      const auto pointer = cursor.fixed<std::int32_t>();
      // Every x86-64 linker writes this one encoding.
      if (!cursor.failed() && version == 1 && encoding == (DW_EH_PE_pcrel | DW_EH_PE_sdata4)) {
        address = segment.p_vaddr + 4 + static_cast<std::uint64_t>(std::int64_t{pointer});
      }
    }
  }
  for (const auto& load : loads) {
    if (address && *address >= load.p_vaddr && *address - load.p_vaddr < load.p_filesz) {
      const auto skipped = *address - load.p_vaddr;
      const auto* data = elf_getdata_rawchunk(elf, static_cast<std::int64_t>(load.p_offset + skipped),
                                              load.p_filesz - skipped, ELF_T_BYTE);
      if (data != nullptr && data->d_buf != nullptr) {
        return Section{*data, *address};
      }
    }
  }
  return std::nullopt;
}

struct DecodedCie {
  std::uint8_t encoding = DW_EH_PE_absptr;
  bool has_augmentation_data = false;
  Cie cie;
};

// Bytes of a pointer in this encoding; 0 for encodings without a fixed size.
std::size_t pointer_size(unsigned encoding) {
  switch (encoding & 0x0fU) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
      return 8;
    case DW_EH_PE_udata4:
    case DW_EH_PE_sdata4:
      return 4;
    case DW_EH_PE_udata2:
    case DW_EH_PE_sdata2:
      return 2;
    default:
      return 0;
  }
}

std::uint64_t take_pointer(ByteCursor& cursor, unsigned encoding) {
  switch (encoding & 0x0fU) {
    case DW_EH_PE_udata4:
      return cursor.fixed<std::uint32_t>();
    case DW_EH_PE_sdata4:
      return static_cast<std::uint64_t>(std::int64_t{cursor.fixed<std::int32_t>()});
    case DW_EH_PE_udata2:
      return cursor.fixed<std::uint16_t>();
    case DW_EH_PE_sdata2:
      return static_cast<std::uint64_t>(std::int64_t{cursor.fixed<std::int16_t>()});
    case DW_EH_PE_uleb128:
      return cursor.uleb();
    case DW_EH_PE_sleb128:
      return static_cast<std::uint64_t>(cursor.sleb());
    default:
      return cursor.fixed<std::uint64_t>();
  }
}

std::optional<DecodedCie> decode_cie(const Dwarf_CIE& entry) {
  if (entry.initial_instructions == nullptr || entry.initial_instructions_end < entry.initial_instructions) {
    return std::nullopt;
  }
  const std::span program(entry.initial_instructions, entry.initial_instructions_end);
  const std::string_view augmentation = entry.augmentation == nullptr ? "" : entry.augmentation;
  DecodedCie cie{DW_EH_PE_absptr,
                 !augmentation.empty(),
                 {entry.code_alignment_factor, entry.data_alignment_factor, entry.return_address_register,
                  augmentation.contains('S'), program}};
  if (!is_sane_cfi_program(program) || (cie.has_augmentation_data && augmentation.front() != 'z')) {
    return std::nullopt;
  }
  const auto data_size = entry.augmentation_data == nullptr ? 0 : entry.augmentation_data_size;
  ByteCursor cursor({entry.augmentation_data, data_size});
  for (const char letter : augmentation.substr(augmentation.empty() ? 0 : 1)) {
    if (letter == 'R') {
      cie.encoding = cursor.fixed<std::uint8_t>();
    } else if (letter == 'L') {
      cursor.skip(1);
    } else if (letter == 'P') {
      const auto size = pointer_size(cursor.fixed<std::uint8_t>());
      if (size == 0) {
        return std::nullopt;
      }
      cursor.skip(size);
    } else if (letter != 'S' && letter != 'B') {
      return std::nullopt;
    }
  }
  return cursor.failed() ? std::nullopt : std::optional(cie);
}

std::optional<Fde> decode_fde(const Dwarf_FDE& entry, const DecodedCie& cie, const Section& section) {
  if (entry.start == nullptr || entry.end < entry.start) {
    return std::nullopt;
  }
  ByteCursor cursor({entry.start, entry.end});
  const auto relative_to = cie.encoding & 0x70U;
  Fde fde;
  fde.begin = take_pointer(cursor, cie.encoding);
  if (relative_to == DW_EH_PE_pcrel) {
    fde.begin += section.address +
                 static_cast<std::uint64_t>(entry.start - static_cast<const std::uint8_t*>(section.data.d_buf));
  }
  // The length is a plain number in the pointer's format; signed formats mean unsigned lengths.
  const auto format = (cie.encoding & 0x0fU) >= 8 ? (cie.encoding & 0x07U) : (cie.encoding & 0x0fU);
  const auto length = take_pointer(cursor, format);
  const bool is_supported =
      (relative_to == DW_EH_PE_absptr || relative_to == DW_EH_PE_pcrel) && (cie.encoding & DW_EH_PE_indirect) == 0;
  if (cursor.failed() || !is_supported || length == 0 || fde.begin + length < fde.begin) {
    return std::nullopt;
  }
  fde.end = fde.begin + length;
  if (cie.has_augmentation_data) {
    cursor.skip(cursor.uleb());
  }
  const auto program = cursor.rest();
  fde.cie = cie.cie;
  fde.program = program;
  return !cursor.failed() && is_sane_cfi_program(program) ? std::optional(fde) : std::nullopt;
}

}  // namespace

std::vector<Fde> list_fdes(const ElfFile& file, CfiSection kind) {
  const bool is_eh_frame = kind == CfiSection::eh_frame;
  auto section = find_section(file.handle(), is_eh_frame ? ".eh_frame" : ".debug_frame");
  if (!section && is_eh_frame) {
    section = find_eh_frame_by_segment(file.handle());
  }
  std::vector<Fde> fdes;
  const auto* ident = elf_getident(file.handle(), nullptr);
  if (!section || ident == nullptr) {
    return fdes;
  }
  const auto code = file.code();
  std::unordered_map<Dwarf_Off, std::optional<DecodedCie>> cies;
  const auto cie_at = [&](Dwarf_Off offset) -> const std::optional<DecodedCie>& {
    const auto [found, is_new] = cies.try_emplace(offset);
    if (is_new) {
      Dwarf_CFI_Entry entry;
      Dwarf_Off next = 0;
      if (dwarf_next_cfi(reinterpret_cast<const unsigned char*>(ident), &section->data, is_eh_frame, offset, &next,
                         &entry) == 0 &&
          dwarf_cfi_cie_p(&entry)) {
        found->second = decode_cie(entry.cie);
      }
    }
    return found->second;
  };

  Dwarf_Off offset = 0;
  for (;;) {
    Dwarf_CFI_Entry entry;
    Dwarf_Off next = offset;
    const int status = dwarf_next_cfi(reinterpret_cast<const unsigned char*>(ident), &section->data, is_eh_frame,
                                      offset, &next, &entry);
    // A bad entry can be stepped over where at least its length made sense.
    if (status > 0 || next <= offset) {
      break;
    }
    offset = next;
    if (status < 0 || dwarf_cfi_cie_p(&entry)) {
      continue;
    }
    const auto& cie = cie_at(entry.fde.CIE_pointer);
    auto fde = cie ? decode_fde(entry.fde, *cie, *section) : std::nullopt;
    if (!fde) {
      continue;
    }
    const auto range =
        std::ranges::find_if(code, [&](const AddressRange& piece) { return piece.contains(Address{fde->begin}); });
    if (range != code.end()) {
      fde->section = kind;
      fde->end = std::min(fde->end, range->end.value);
      fdes.push_back(*fde);
    }
  }
  return fdes;
}

}  // namespace memsnap
