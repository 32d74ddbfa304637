#include "plugin/progress.h"

#include <fmt/format.h>
#include <unistd.h>

namespace memsnap {

void write_passing_line(const std::string& line) {
  if (isatty(STDOUT_FILENO) == 1) {
    const auto text = fmt::format("\r{}\x1b[K", line);
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
  }
}

bool Progress::operator()(double share) {
  if (debugger_.interrupted()) {
    return false;
  }
  const auto percent = static_cast<int>(share * 100);
  if (percent != shown_ && std::chrono::steady_clock::now() - begin_ > std::chrono::seconds(1)) {
    shown_ = percent;
    debugger_.show_progress(fmt::format("memsnap: {} {}%", what_, percent));
  }
  return true;
}

Progress::~Progress() {
  if (shown_ >= 0) {
    debugger_.show_progress("");
  }
}

}  // namespace memsnap
