#include "core/trace/freed_blocks.h"

namespace memsnap {

void FreedBlocks::add(const Freed& freed) {
  if (ring_.size() < room_) {
    ring_.push_back(freed);
  } else if (room_ != 0) {
    ring_[next_] = freed;
    next_ = (next_ + 1) % room_;
  }
}

void FreedBlocks::clear() {
  ring_.clear();
  next_ = 0;
}

template <typename Matches>
const Freed* FreedBlocks::find_last(Matches matches) const {
  for (std::size_t i = ring_.size(); i-- > 0;) {
    const auto& freed = ring_[(next_ + i) % ring_.size()];
    if (matches(freed)) {
      return &freed;
    }
  }
  return nullptr;
}

const Freed* FreedBlocks::find_start(Address address, Space space) const {
  return find_last([=](const Freed& freed) { return freed.block.address == address && freed.block.space == space; });
}

const Freed* FreedBlocks::find(Address address) const {
  return find_last([=](const Freed& freed) {
    const auto& block = freed.block;
    return block.address == address || (block.address <= address && address - block.address < block.size);
  });
}

}  // namespace memsnap
