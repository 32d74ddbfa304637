#pragma once

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/elf/elf_file.h"
#include "plugin/allocators.h"

namespace memsnap::test {

/// A module's file with its code: what a hook is planned from. Addresses as the file counts.
class ModuleCode {
 public:
  static std::optional<ModuleCode> open(const std::string& path) {
    auto file = ElfFile::open(path);
    return file ? std::optional<ModuleCode>(ModuleCode(path, std::move(*file))) : std::nullopt;
  }

  std::vector<EntryPoint> entry_points() const { return find_entry_points(file_, path_, nullptr).entry_points; }

  std::optional<ElfSymbol> function(std::string_view name) const {
    std::optional<ElfSymbol> found;
    file_.for_each_function([&](const ElfSymbol& symbol) {
      if (symbol.name == name) {
        found = symbol;
      }
    });
    return found;
  }

  /// The code from `offset` up to the next symbol.
  std::span<const std::byte> code_at(std::uint64_t offset) const {
    const auto next = std::ranges::upper_bound(symbols_, offset);
    for (const auto& segment : segments_) {
      if (segment.p_vaddr <= offset && offset < segment.p_vaddr + segment.p_filesz) {
        const auto end =
            std::min(next == symbols_.end() ? ~std::uint64_t{0} : *next, segment.p_vaddr + segment.p_filesz);
        return std::as_bytes(std::span(bytes_)).subspan(segment.p_offset + (offset - segment.p_vaddr), end - offset);
      }
    }
    return {};
  }

 private:
  ModuleCode(const std::string& path, ElfFile file) : path_(path), file_(std::move(file)) {
    std::ifstream stream(path, std::ios::binary | std::ios::ate);
    bytes_.resize(static_cast<std::size_t>(stream.tellg()));
    stream.seekg(0);
    stream.read(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    Elf64_Ehdr header;
    std::memcpy(&header, bytes_.data(), sizeof header);
    segments_.resize(header.e_phnum);
    std::memcpy(segments_.data(), bytes_.data() + header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr));
    std::erase_if(segments_, [](const Elf64_Phdr& segment) { return segment.p_type != PT_LOAD; });
    file_.for_each_function([this](const ElfSymbol& symbol) { symbols_.push_back(symbol.value); });
    std::ranges::sort(symbols_);
  }

  std::string path_;
  ElfFile file_;
  std::string bytes_;
  std::vector<Elf64_Phdr> segments_;
  std::vector<std::uint64_t> symbols_;  // ascending
};

}  // namespace memsnap::test
