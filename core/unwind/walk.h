#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "core/memory_reader.h"
#include "core/module.h"
#include "core/registers.h"
#include "core/trace/traceback.h"
#include "core/unwind/table.h"

namespace memsnap {

/// Where a walk gets a module's rows from.
class UnwindTableSource {
 public:
  virtual ~UnwindTableSource() = default;
  /// The table of this module, or nullptr where it has none.
  virtual const UnwindTable* table(ModuleId id) = 0;
};

/// Walks the stack of one stopped thread from a frame whose rip is a return address on.
///
/// Shape:   1 to `limit` frames, innermost first; frame 0 is `registers`' rip itself.
/// Needs:   rip, rsp, rbp. `limit` is at least 1.
/// Errors:  none: a stack that ends early says so in the traceback's end. Code without a row is walked by frame pointer
///          where that is sound (rbp on the stack, above rsp, a return address into code of a known module); else it
///          is no_unwind_info. A CFA must rise from frame to frame, and every slot read lies at or above rsp, so a walk
///          always ends. Signal frames are where that may not hold: the interrupted code can have been on another
///          stack (a few times at most), and its own saved rbp in the red zone below rsp.
/// Lifetime: the result owns its frames; everything given is used only during the call.
/// Source:  System V AMD64 psABI, stack frame; DWARF 5, 6.4; Linux rt_sigframe (x86-64).
Traceback walk(const Registers& registers, MemoryReader& memory, const ModuleMap& modules, UnwindTableSource& tables,
               std::size_t limit);

/// What a frame goes on with when it has returned.
struct Caller {
  Address return_address;
  Address stack;  ///< the stack pointer there: the frame's CFA, which no frame inside it shares
};

/// The caller of a stopped thread's innermost frame, which may be anywhere in its code: rip is looked up as it is.
/// Nullopt where there is none or it cannot be told. What is needed and how it is found is as for `walk`.
std::optional<Caller> find_caller(const Registers& registers, MemoryReader& memory, const ModuleMap& modules,
                                  UnwindTableSource& tables);

/// Reads a stack in few, page-wise pieces and keeps them for one stop: most walks cost one or two reads of the
/// inferior.
class StackReader final : public MemoryReader {
 public:
  explicit StackReader(MemoryReader& memory) : memory_(memory) {}
  std::size_t read(Address address, std::span<std::byte> into) override;
  /// Forgets what was read; call at each new stop. Keeps its buffers.
  void reset();

 private:
  static constexpr std::size_t kLargestPiece = 64 * kPage;
  struct Piece {
    Address begin;
    std::size_t size = 0;  // bytes that could be read, from the front of `bytes`
    std::vector<std::byte> bytes;
  };
  const Piece& piece_at(Address address);

  MemoryReader& memory_;
  std::vector<Piece> pieces_;
  std::size_t used_ = 0;
};

}  // namespace memsnap
