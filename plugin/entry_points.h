#pragma once

#include <unordered_map>

#include "core/module.h"
#include "core/trace/traceback.h"
#include "plugin/allocators.h"

namespace memsnap {

/// The allocator entry points of a session's modules, each module read from its files on first use and kept.
class EntryPoints {
 public:
  explicit EntryPoints(const ModuleTable& modules) : modules_(modules) {}

  /// The reference stays valid.
  const ModuleEntryPoints& of(ModuleId id);

  /// Whether this call of malloc was made by the C++ library's `operator new`, which only passes on to it: the block
  /// belongs to the domain `new`.
  bool is_operator_new(const Traceback& traceback);

 private:
  const ModuleTable& modules_;
  std::unordered_map<ModuleId, ModuleEntryPoints> by_module_;
};

}  // namespace memsnap
