#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/address.h"

namespace memsnap {

/// An executable or shared object, as it is named after it is gone. `path` is absolute where it is known.
struct Module {
  std::string path;
  std::string build_id;    ///< lower-case hex, empty where the file has none
  std::string debug_file;  ///< where the debugger found separate debug information; empty where it told of none
  /// 0 for what a debugger shows and what a file says the same of; 1, 2, ... where saved files say something else of a
  /// module of this name.
  std::uint32_t variant = 0;

  bool operator==(const Module&) const = default;
};

/// The last component of a path.
std::string_view base_name(std::string_view path);

/// A module as it is mapped at this stop.
struct LoadedModule {
  ModuleId id = ModuleId::none;
  std::uint64_t bias = 0;              ///< run-time address less the address in the ELF file
  std::vector<AddressRange> segments;  ///< all its mapped ranges, ascending
};

/// Every module of a session, each once (by path, build id and variant), never forgotten: what was unloaded, or
/// belonged to a process that has exited, keeps its id, so that old tracebacks keep their names.
class ModuleTable {
 public:
  /// The id of this module, new or known.
  ModuleId intern(const Module& module);
  /// The id of this module where it is known.
  std::optional<ModuleId> find(const Module& module) const;
  /// `id` must come from this table. The reference stays valid.
  const Module& get(ModuleId id) const;
  /// Fills in the debug file where none is known yet.
  void set_debug_file(ModuleId id, std::string path);
  std::size_t size() const { return modules_.size(); }

 private:
  std::deque<Module> modules_;
  std::map<std::tuple<std::string, std::string, std::uint32_t>, ModuleId> ids_;
};

/// Which module is where at this stop: turns run-time addresses into Pcs and back.
class ModuleMap {
 public:
  ModuleMap() = default;
  /// Takes the modules in any order.
  explicit ModuleMap(std::vector<LoadedModule> modules);

  /// The module mapped at `address`, or nullptr. Valid until this map changes.
  const LoadedModule* find(Address address) const;
  /// `address` as a Pc; outside every module one with ModuleId::none.
  Pc to_pc(Address address) const;
  const std::vector<LoadedModule>& modules() const { return modules_; }

 private:
  struct Span {
    AddressRange range;
    std::size_t module;
  };
  std::vector<LoadedModule> modules_;
  std::vector<Span> spans_;  // ascending by address
};

}  // namespace memsnap
