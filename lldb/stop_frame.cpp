#include "lldb/stop_frame.h"

#include <fmt/format.h>

#include <string_view>

#include "lldb/resume.h"

namespace memsnap {
namespace {

constexpr long kLastToKeep = 14;
// Of no effect, should it come without us.
constexpr const char* kHook = "target stop-hook add --one-liner 'frame select --relative 0'";

// The same for every stop: told apart by its number.
constexpr const char* kWatch = "target stop-hook add --one-liner 'frame select --relative 00'";
constexpr std::string_view kWatchNumber = "00";

std::string give(lldb::SBTarget target, const std::string& command) {
  lldb::SBCommandReturnObject result;
  target.GetDebugger().GetCommandInterpreter().HandleCommand(command.c_str(), result);
  return result.Succeeded() && result.GetOutput() != nullptr ? result.GetOutput() : "";
}

}  // namespace

void StopFrame::choose(lldb::SBThread thread, std::uint32_t index) {
  forget();
  thread.SetSelectedFrame(index);
  if (index == 0 || lldb_version() <= kLastToKeep) {
    return;
  }
  thread_ = thread;
  index_ = index;
  if (watched_ == thread.GetProcess().GetTarget()) {
    return;  // that hook serves; of several, LLDB would print which is which
  }
  // It answers: Stop hook #1 added.
  constexpr std::string_view kBefore = "#";
  const auto answer = give(thread.GetProcess().GetTarget(), kHook);
  const auto begin = answer.find(kBefore);
  if (begin != std::string::npos) {
    const auto end = answer.find_first_not_of("0123456789", begin + 1);
    hook_ = answer.substr(begin + 1, end - begin - 1);
  }
}

bool StopFrame::select() {
  if (!index_) {
    return false;
  }
  thread_.SetSelectedFrame(*index_);
  index_.reset();
  return true;
}

void StopFrame::forget() {
  index_.reset();
  if (!hook_.empty()) {
    give(thread_.GetProcess().GetTarget(), fmt::format("target stop-hook delete {}", hook_));
    hook_.clear();
  }
}

void StopFrame::watch(lldb::SBTarget target) {
  if (!(watched_ == target)) {
    watched_ = target;
    give(target, kWatch);
  }
}

bool StopFrame::watches(const char** words) {
  for (; words != nullptr && *words != nullptr; ++words) {
    if (*words == kWatchNumber) {
      return true;
    }
  }
  return false;
}

}  // namespace memsnap
