#pragma once

#include <deque>
#include <unordered_map>

#include "core/module.h"
#include "core/trace/traceback.h"
#include "plugin/allocators.h"
#include "plugin/own_allocators.h"

namespace memsnap {

/// The allocator entry points of a session's modules, each module read from its files on first use and kept.
class EntryPoints {
 public:
  explicit EntryPoints(const ModuleTable& modules) : modules_(modules) {}

  /// The reference stays valid.
  const ModuleEntryPoints& of(ModuleId id);

  /// Those of the user's own allocators. References to the entry points stay valid; more come with more allocators.
  const std::deque<EntryPoint>& own(ModuleId id);
  OwnAllocators& own_allocators() { return own_allocators_; }

  /// Whether this call of malloc was made by the C++ library's `operator new`, which only passes on to it: the block
  /// belongs to the domain `new`. `caller` is the innermost frame, or nullptr.
  bool is_operator_new(const StoredFrame* caller);

 private:
  struct Own {
    std::deque<EntryPoint> entry_points;
    std::size_t looked_for = 0;  // functions of the user's own
  };

  template <typename Visit>
  void visit_files(ModuleId id, Visit visit);

  const ModuleTable& modules_;
  OwnAllocators own_allocators_;
  std::unordered_map<ModuleId, Own> own_by_module_;
  std::unordered_map<ModuleId, ModuleEntryPoints> by_module_;
};

}  // namespace memsnap
