#include "plugin/pending_calls.h"

#include <algorithm>
#include <utility>

namespace memsnap {

std::optional<PendingCall> PendingCalls::take_returned(OsThreadId thread, Address return_address, Address stack,
                                                       std::vector<PendingCall>& abandoned) {
  const auto found = calls_.find(thread);
  if (found == calls_.end()) {
    return std::nullopt;
  }
  auto& calls = found->second;
  const auto call = std::ranges::find_if(calls.rbegin(), calls.rend(), [&](const PendingCall& candidate) {
    return candidate.return_address == return_address && candidate.stack + 8 == stack && candidate.is_watched;
  });
  if (call == calls.rend()) {
    return std::nullopt;
  }
  const auto position = std::prev(call.base());
  auto result = std::move(*position);
  abandoned.insert(abandoned.end(), std::make_move_iterator(std::next(position)), std::make_move_iterator(calls.end()));
  calls.erase(position, calls.end());
  return result;
}

void PendingCalls::drop_unwound(OsThreadId thread, Address stack, std::vector<PendingCall>& abandoned) {
  const auto found = calls_.find(thread);
  if (found == calls_.end()) {
    return;
  }
  auto& calls = found->second;
  const auto gone = std::ranges::find_if(calls, [stack](const PendingCall& call) { return call.stack <= stack; });
  abandoned.insert(abandoned.end(), std::make_move_iterator(gone), std::make_move_iterator(calls.end()));
  calls.erase(gone, calls.end());
}

std::vector<PendingCall> PendingCalls::clear() {
  std::vector<PendingCall> all;
  for (auto& [thread, calls] : calls_) {
    all.insert(all.end(), std::make_move_iterator(calls.begin()), std::make_move_iterator(calls.end()));
  }
  calls_.clear();
  return all;
}

}  // namespace memsnap
