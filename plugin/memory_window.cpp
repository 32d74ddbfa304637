#include "plugin/memory_window.h"

#include <algorithm>
#include <span>

namespace memsnap {

std::size_t MemoryWindow::read(Address address, std::span<std::byte> into) {
  constexpr std::size_t kSize = std::size_t{1} << 16;
  if (into.size() > kSize / 2) {
    return memory_.read(address, into);
  }
  const auto is_here = [&] {
    return address >= begin_ && address - begin_ <= bytes_.size() && bytes_.size() - (address - begin_) >= into.size();
  };
  if (!is_here()) {
    begin_ = {address.value & ~(kPage - 1)};
    bytes_.resize(kSize);
    bytes_.resize(memory_.read(begin_, bytes_));
  }
  if (address < begin_ || address - begin_ >= bytes_.size()) {
    return 0;
  }
  const auto found = std::span(bytes_).subspan(address - begin_);
  const auto size = std::min(found.size(), into.size());
  std::ranges::copy(found.first(size), into.begin());
  return size;
}

}  // namespace memsnap
