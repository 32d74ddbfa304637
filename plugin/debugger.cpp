#include "plugin/debugger.h"

#include <fmt/format.h>

namespace memsnap {

std::string to_string(const ThreadLabel& label) {
  return label.name.empty() ? fmt::format("thread {}", label.number)
                            : fmt::format("thread {} ({})", label.number, label.name);
}

}  // namespace memsnap
