#include "plugin/recording.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

namespace memsnap {

std::string new_session_id() {
  return fmt::format("{}-{}", getpid(), std::chrono::system_clock::now().time_since_epoch().count());
}

}  // namespace memsnap
