#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/module.h"

namespace memsnap {

/// What a function does that lets no more of its callers return.
enum class WayOut : std::uint8_t {
  caught,      ///< is called by the frame that an exception has been caught in
  jump,        ///< jumps to the frame that its first argument, a jmp_buf, was filled in
  thread_end,  ///< ends the thread
};

/// The functions by which calls end that do not return, each module read from its file on first use and kept.
class WaysOut {
 public:
  explicit WaysOut(const ModuleTable& modules) : modules_(modules) {}

  /// Where they are now.
  std::unordered_map<Address, WayOut> find(const ModuleMap& modules);

 private:
  const ModuleTable& modules_;
  std::unordered_map<ModuleId, std::vector<std::pair<std::uint64_t, WayOut>>> known_;
};

}  // namespace memsnap
