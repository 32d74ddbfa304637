#include "plugin/engine.h"

#include "core/recorder/layout.h"

namespace memsnap {

std::uint64_t total_times(const std::vector<Fault>& faults) {
  std::uint64_t times = 0;
  for (const auto& fault : faults) {
    times += fault.times;
  }
  return times;
}

std::string_view giving_word(std::uint8_t families) {
  switch (families) {
    case layout::kMallocFamily:
      return "malloc";
    case layout::kNewArrayFamily:
      return "new[]";
    default:
      return "new";
  }
}

std::string_view taking_word(std::uint8_t families, bool is_reallocated) {
  if (is_reallocated) {
    return "realloc";
  }
  switch (families) {
    case layout::kMallocFamily:
      return "free";
    case layout::kNewArrayFamily:
      return "delete[]";
    default:
      return "delete";
  }
}

}  // namespace memsnap
