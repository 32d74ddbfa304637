#pragma once

#include <optional>
#include <unordered_map>

#include "core/module.h"
#include "core/unwind/walk.h"

namespace memsnap {

/// The unwind tables of a session's modules, each compiled from its file on first use and kept.
class UnwindTables final : public UnwindTableSource {
 public:
  explicit UnwindTables(const ModuleTable& modules) : modules_(modules) {}
  const UnwindTable* table(ModuleId id) override;
  std::size_t memory_bytes() const;

 private:
  const ModuleTable& modules_;
  std::unordered_map<ModuleId, std::optional<UnwindTable>> tables_;
};

}  // namespace memsnap
