#include "core/heap/vtables.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "core/heap/type_name.h"
#include "core/symbols/symbolizer.h"

namespace memsnap {
namespace {

constexpr std::uint64_t kAhead = 16;  // the offset to top and the type information

}  // namespace

Vtables::Vtables(std::span<const ElfFile* const> files, const ElfFile* own) : own_(own) {
  for (const auto* file : files) {
    file->for_each_variable([&](const ElfSymbol& symbol) {
      if (symbol.name.starts_with("_ZTV")) {
        tables_.push_back(symbol);
      }
    });
  }
  std::ranges::sort(tables_, {}, &ElfSymbol::value);
}

std::optional<std::string> Vtables::class_at(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(tables_, address, {}, &ElfSymbol::value);
  if (after == tables_.begin()) {
    return std::nullopt;
  }
  const auto& symbol = *std::prev(after);
  const auto offset = address - symbol.value;
  // A class without virtual functions of its own, but with virtual bases, points at its table's very end.
  if (offset < kAhead || offset > symbol.size || offset % sizeof(std::uint64_t) != 0 ||
      !is_at_top(address, symbol.value)) {
    return std::nullopt;
  }
  constexpr std::string_view kWords = "vtable for ";
  const auto name = demangle(symbol.name);
  return name.starts_with(kWords) ? std::optional(canonical_type_name(std::string_view(name).substr(kWords.size())))
                                  : std::nullopt;
}

// Without the file only the first of a class' tables is sure to be that of its start.
bool Vtables::is_at_top(std::uint64_t address, std::uint64_t table) const {
  if (own_ == nullptr) {
    return address == table + kAhead;
  }
  const auto begin = address - kAhead;
  const auto offset = own_->loaded_bytes({{begin}, {begin + sizeof(std::uint64_t)}});
  return offset.size() == sizeof(std::uint64_t) &&
         std::ranges::all_of(offset, [](std::byte each) { return each == std::byte{0}; });
}

}  // namespace memsnap
