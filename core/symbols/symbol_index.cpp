#include "core/symbols/symbol_index.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace memsnap {
namespace {

// Smaller is better, among symbols at one address.
auto rank(const ElfSymbol& symbol) {
  // Mangled names begin with an underscore by rule, not because they are private.
  const bool is_private = symbol.name.starts_with('_') && !symbol.name.starts_with("_Z");
  return std::tuple(!symbol.is_global, is_private, symbol.name.size(), std::string_view(symbol.name));
}

}  // namespace

SymbolIndex::SymbolIndex(std::span<const ElfFile* const> files, SymbolKind kind) {
  std::vector<AddressRange> code;
  for (const auto* file : files) {
    if (code.empty()) {
      code = file->code();
    }
    const auto add = [&](const ElfSymbol& symbol) { symbols_.push_back(symbol); };
    if (kind == SymbolKind::functions) {
      file->for_each_function(add);
    } else {
      file->for_each_variable(add);
    }
  }
  // The best one last, so that it covers the others.
  std::ranges::sort(symbols_, [](const ElfSymbol& left, const ElfSymbol& right) {
    return left.value != right.value ? left.value < right.value : rank(right) < rank(left);
  });

  const auto segment_end = [&](std::uint64_t address) {
    const auto found = std::ranges::find_if(code, [&](const AddressRange& range) { return range.contains({address}); });
    return found == code.end() ? address : found->end.value;
  };
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (const auto& symbol = symbols_[i]; symbol.size == 0) {
      const auto next = std::ranges::upper_bound(symbols_, symbol.value, {}, &ElfSymbol::value);
      const auto end = segment_end(symbol.value);
      ranges_.assign(symbol.value, next == symbols_.end() ? end : std::min(end, next->value),
                     static_cast<std::uint32_t>(i));
    }
  }
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    // An end beyond the address space makes the range empty.
    ranges_.assign(symbols_[i].value, symbols_[i].value + symbols_[i].size, static_cast<std::uint32_t>(i));
  }
}

std::optional<SymbolIndex::Found> SymbolIndex::find(std::uint64_t address) const {
  const auto* index = ranges_.find(address);
  if (index == nullptr) {
    return std::nullopt;
  }
  return Found{symbols_[*index].name, symbols_[*index].value, symbols_[*index].size};
}

}  // namespace memsnap
