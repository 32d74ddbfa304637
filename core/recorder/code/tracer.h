#pragma once

#include "core/recorder/code/system.h"

namespace memsnap::recorder {

constexpr std::uint64_t word_of(const char (&text)[9]) {
  std::uint64_t word = 0;
  for (int i = 8; i-- > 0;) {
    word = word << 8 | static_cast<std::uint8_t>(text[i]);
  }
  return word;
}

/// Whether a debugger is there to see a breakpoint: one that is hit without ends the process. False where that cannot
/// be asked. Source: proc(5), /proc/pid/status.
[[gnu::noinline]] inline bool is_traced(const Control& control) {
  if (is_denied(control, Denied::open) || is_denied(control, Denied::read) || is_denied(control, Denied::close)) {
    return false;
  }
  const std::uint64_t path[] = {word_of("/proc/se"), word_of("lf/statu"), 's'};
  const auto file = kernel(Call6::open, address_of(path));
  if (file < 0) {
    return false;
  }
  char text[512];  // it is among the first lines
  const auto size = kernel(Call6::read, static_cast<std::uint64_t>(file), address_of(text), sizeof text);
  kernel(Call6::close, static_cast<std::uint64_t>(file));
  constexpr std::uint64_t kName = word_of("TracerPi");
  constexpr long kDigit = 11;  // behind "TracerPid:" and a tab
  for (long i = 0; i + kDigit < size; ++i) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, text + i, sizeof word);
    if (word == kName) {
      // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): the kernel wrote it
      return text[i + kDigit] != '0';
    }
  }
  return false;
}

}  // namespace memsnap::recorder
