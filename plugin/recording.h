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
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == name) {
        return static_cast<Id>(i);
      }
    }
    names_.emplace_back(name);
    return static_cast<Id>(names_.size() - 1);
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

/// What a session has learnt that outlives processes: modules, tracebacks, names. Everything else points into it by
/// number.
struct Recording {
  ModuleTable modules;
  TracebackTable tracebacks;
  NameTable<DomainId> domains;
  NameTable<ThreadId> threads;
};

}  // namespace memsnap
