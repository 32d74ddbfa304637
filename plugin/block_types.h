#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/heap/allocation_type.h"
#include "core/heap/preview.h"
#include "core/heap/type_catalog.h"
#include "core/trace/statistic.h"
#include "plugin/engine.h"
#include "plugin/recording.h"
#include "plugin/source_reader.h"

namespace memsnap {

/// What types blocks are of, and what is in them, at this stop.
///
/// A block is of the type that its code allocates (see AllocationTypes), where the sizes agree; else of the class whose
/// virtual table its first word points at (or the first element's, behind the count of a `new T[n]`), where the sizes
/// agree as far as they are known. Files of modules and tracebacks are looked into once. Nothing here fails: what
/// cannot be told is empty.
class BlockTypes {
 public:
  /// Borrows everything for its life.
  BlockTypes(Debugger& debugger, Recording& recording, Symbolizer& symbolizer, SourceReader& sources);

  /// Looks anew where the modules are and at the sources. To be called once a command, before what is below.
  void at_stop();

  /// `app::Node`, `int[10]`, `app::Node (make_shared)`; empty where it is not known.
  std::string type(const LiveBlock& block);
  /// What a block's type is called.
  struct Names {
    std::string type;  ///< as `type` has it
    std::string row;   ///< of its row in a table by type: without the number of elements; `<unknown>`
  };
  /// With another way to read memory, for many blocks.
  Names names(const LiveBlock& block, MemoryReader& memory);
  /// See memsnap::preview.
  std::string preview(const LiveBlock& block);
  /// The part of a block at `offset`, as `next`, `[3].name`; empty where it is not known, or the block has no parts.
  std::string member_path(const LiveBlock& block, std::uint64_t offset);

  /// The type that the code of a traceback allocates, `T[]` where it is any number of them; empty where it is not
  /// known.
  std::string static_type(TracebackId traceback);
  /// How the blocks of one origin are shown in a table by type: all as that which their traceback allocates, else as
  /// the types that blocks of this traceback had when learn() looked at them (`A | B` where there were several).
  TypeShare share(const LiveCount& live);
  /// Whether the code of its traceback tells share() the type.
  bool is_told_by_code(const LiveCount& live);
  /// Looks at blocks, for share(): at a bounded number of each traceback whose code does not tell the type. Ends early
  /// at Ctrl-C.
  void learn(std::span<const LiveBlock> blocks);

 private:
  struct Described {
    std::string type;
    std::string row;
    Shape shape;
  };
  struct Dynamic {
    std::string name;  // canonical
    const Type* type = nullptr;
    ModuleId module = ModuleId::none;
  };
  struct Learnt {
    std::uint32_t seen = 0;
    std::set<std::string> rows;
  };

  const AllocationType& allocation_type(TracebackId traceback);
  Described describe(const LiveBlock& block, MemoryReader& memory);
  Described of_code(const AllocationType& type, const Extent& extent);
  std::optional<Described> of_contents(const LiveBlock& block, MemoryReader& memory);
  const Dynamic* class_at(Address object, MemoryReader& memory);
  // A control block of make_shared, as the object in it.
  void unwrap_shared(const std::string& name, ModuleId module, Described& described);
  static bool fits(const LiveBlock& block, const AllocationType& type, const std::optional<Extent>& extent,
                   MemoryReader& memory);

  Debugger& debugger_;
  Recording& recording_;
  TypeCatalog catalog_;
  SourceReader& sources_;
  AllocationTypes allocations_;
  ModuleMap modules_;
  std::unordered_map<TracebackId, AllocationType> by_traceback_;
  std::unordered_map<Pc, std::optional<Dynamic>> by_vtable_;
  std::unordered_map<TracebackId, Learnt> learnt_;
};

}  // namespace memsnap
