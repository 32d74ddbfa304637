#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/module.h"
#include "core/trace/ledger.h"
#include "core/trace/traceback.h"
#include "plugin/debugger.h"

namespace memsnap {

/// Names in the order they first came, each with its number.
template <typename Id>
class NameTable {
 public:
  Id intern(std::string_view name) {
    const auto [entry, is_new] = ids_.try_emplace(std::string(name), static_cast<Id>(names_.size()));
    if (is_new) {
      names_.emplace_back(name);
    }
    return entry->second;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, Id> ids_;
};

/// What tells a session from all others, also of other debuggers.
std::string new_session_id();

/// What a session has learnt that outlives processes: modules, tracebacks, names. Everything else points into it by
/// number.
struct Recording {
  std::string session = new_session_id();
  ModuleTable modules;
  TracebackTable tracebacks;
  NameTable<DomainId> domains;
  NameTable<ThreadId> threads;
};

}  // namespace memsnap
