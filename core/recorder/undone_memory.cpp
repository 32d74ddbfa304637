#include "core/recorder/undone_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace memsnap {

std::unexpected<Error> damaged(const std::string& what) {
  return fail(Code::malformed, "the recorder's memory is damaged: " + what);
}

void UndoneMemory::set_undo(std::span<const layout::Undo> undo) {
  undo_.clear();
  for (const auto& counters : undo) {
    undo_.push_back({counters.address, counters.values[0]});
    undo_.push_back({counters.address + sizeof(std::uint64_t), counters.values[1]});
  }
  std::ranges::stable_sort(undo_, {}, &Word::address);
  const auto repeated = std::ranges::unique(undo_, {}, &Word::address);
  undo_.erase(repeated.begin(), repeated.end());
}

Result<void> UndoneMemory::read(Address address, std::span<std::byte> into) const {
  const auto done = into.size() > ~address.value ? 0 : memory_->read(address, into);
  if (done != into.size()) {
    const auto missing = address + done;
    return fail(Code::unmapped, fmt::format("the recorder's memory at {:#x} cannot be read", missing.value), missing);
  }
  for (auto word = std::ranges::lower_bound(undo_, address.value, {}, &Word::address);
       word != undo_.end() && word->address - address.value + sizeof word->value <= into.size(); ++word) {
    std::memcpy(into.data() + (word->address - address.value), &word->value, sizeof word->value);
  }
  return {};
}

}  // namespace memsnap
