#include "core/inject/code_writer.h"

#include <cstring>
#include <limits>

namespace memsnap {

bool is_in_reach(Address end, Address target) {
  const auto distance = static_cast<std::int64_t>(target.value - end.value);
  return distance >= std::numeric_limits<std::int32_t>::min() && distance <= std::numeric_limits<std::int32_t>::max();
}

void CodeWriter::relative(Address target) { little_endian(target.value - (end() + 4).value, 4); }

void CodeWriter::overwrite_relative(std::size_t at, Address end, Address target) {
  const auto distance = static_cast<std::uint32_t>(target.value - end.value);
  std::memcpy(bytes_.data() + at, &distance, sizeof distance);
}

void CodeWriter::jump(Address target) {
  if (is_in_reach(end() + 5, target)) {
    byte(0xe9);
    relative(target);
  } else {
    byte(0xff);  // jmp *0(%rip)
    byte(0x25);
    little_endian(0, 4);
    quad(target.value);
  }
}

void CodeWriter::branch(unsigned condition, Address target) {
  if (is_in_reach(end() + 6, target)) {
    byte(0x0f);
    byte(0x80 | condition);
    relative(target);
  } else {
    byte(0x70 | (condition ^ 1));  // the opposite condition, past the jump
    const auto distance = bytes_.size();
    byte(0);
    jump(target);
    bytes_[distance] = static_cast<std::byte>(bytes_.size() - distance - 1);
  }
}

void CodeWriter::little_endian(std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    byte(static_cast<unsigned>(value >> (8 * i) & 0xff));
  }
}

}  // namespace memsnap
