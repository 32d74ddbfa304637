#pragma once

/// DWARF's numbers of the registers that unwinding is about.
/// Source: System V ABI, AMD64 supplement, figure 3.36 (DWARF register number mapping).
namespace memsnap::dwarf {

constexpr unsigned kRbp = 6;
constexpr unsigned kRsp = 7;
constexpr unsigned kReturnAddress = 16;

}  // namespace memsnap::dwarf
