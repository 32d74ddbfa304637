#include "core/recorder/undone_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace memsnap {

std::unexpected<Error> damaged(const std::string& what) {
  return fail(Code::malformed, "the recorder's memory is damaged: " + what);
}

void UndoneMemory::set_undo(std::vector<layout::Undo> undo) {
  undo_ = std::move(undo);
  std::ranges::stable_sort(undo_, {}, &layout::Undo::address);
  const auto repeated = std::ranges::unique(undo_, {}, &layout::Undo::address);
  undo_.erase(repeated.begin(), repeated.end());
}

Result<void> UndoneMemory::read(Address address, std::span<std::byte> into) const {
  const auto done = into.size() > ~address.value ? 0 : memory_->read(address, into);
  if (done != into.size()) {
    const auto missing = address + done;
    return fail(Code::unmapped, fmt::format("the recorder's memory at {:#x} cannot be read", missing.value), missing);
  }
  for (auto word = std::ranges::lower_bound(undo_, address.value, {}, &layout::Undo::address);
       word != undo_.end() && word->address - address.value + sizeof word->value <= into.size(); ++word) {
    std::memcpy(into.data() + (word->address - address.value), &word->value, sizeof word->value);
  }
  return {};
}

}  // namespace memsnap
