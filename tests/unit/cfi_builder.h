#pragma once

#include <cstdint>
#include <string>

#include "tests/unit/elf_builder.h"

namespace memsnap::test {

/// Writes call frame information entry by entry.
class CfiBuilder {
 public:
  enum class Kind : std::uint8_t { eh_frame, debug_frame };

  /// `address` is where the section will be.
  explicit CfiBuilder(std::uint64_t address, Kind kind = Kind::eh_frame) : address_(address), kind_(kind) {}

  /// The usual start of a function: CFA = rsp + 8, the return address at CFA - 8.
  static std::string usual() { return bytes_of({0x0c, 7, 8, 0x90, 1}); }

  /// A CIE whose pointers are pc-relative words (.debug_frame: plain addresses). Further FDEs belong to it.
  void cie(const std::string& program = usual(), const std::string& augmentation = "zR", int encoding = 0x1b) {
    cie_ = bytes.size();
    std::string entry;
    append(entry, kind_ == Kind::eh_frame ? std::uint32_t{0} : std::uint32_t{0xffffffff});
    entry.push_back(1);
    entry += (kind_ == Kind::eh_frame ? augmentation : std::string()) + '\0';
    entry += bytes_of({1, 0x78, 16});
    if (kind_ == Kind::eh_frame) {
      entry += bytes_of({1, encoding});
    }
    add(entry + program);
  }

  void fde(std::uint64_t begin, std::uint64_t size, const std::string& program = {}) {
    std::string entry;
    if (kind_ == Kind::eh_frame) {
      append(entry, static_cast<std::uint32_t>(bytes.size() + 4 - cie_));
      append(entry, static_cast<std::int32_t>(begin - (address_ + bytes.size() + 8)));
      append(entry, static_cast<std::uint32_t>(size));
      entry.push_back(0);
    } else {
      append(entry, static_cast<std::uint32_t>(cie_));
      append(entry, begin);
      append(entry, size);
    }
    add(entry + program);
  }

  void terminate() { bytes.append(4, '\0'); }

  std::string bytes;

 private:
  void add(std::string entry) {
    while ((entry.size() + 4) % 8 != 0) {
      entry.push_back(0);  // DW_CFA_nop
    }
    append(bytes, static_cast<std::uint32_t>(entry.size()));
    bytes += entry;
  }

  std::uint64_t address_;
  Kind kind_;
  std::size_t cie_ = 0;
};

}  // namespace memsnap::test
