#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>

#include "core/unwind/dwarf_registers.h"
#include "core/unwind/fde_list.h"
#include "core/unwind/plain_program.h"
#include "core/unwind/table.h"

namespace memsnap {
namespace {

struct Free {
  void operator()(Dwarf_Frame* frame) const { std::free(frame); }
};
using FramePointer = std::unique_ptr<Dwarf_Frame, Free>;

// libdw's view of both sections; either may be missing.
class Cfi {
 public:
  explicit Cfi(Elf* elf, bool with_debug_frame) : eh_frame_(dwarf_getcfi_elf(elf)) {
    if (with_debug_frame) {
      dwarf_ = dwarf_begin_elf(elf, DWARF_C_READ, nullptr);
      debug_frame_ = dwarf_ == nullptr ? nullptr : dwarf_getcfi(dwarf_);
    }
  }
  Cfi(const Cfi&) = delete;
  Cfi& operator=(const Cfi&) = delete;
  ~Cfi() {
    if (eh_frame_ != nullptr) {
      dwarf_cfi_end(eh_frame_);
    }
    if (dwarf_ != nullptr) {
      dwarf_end(dwarf_);
    }
  }

  FramePointer frame(CfiSection section, std::uint64_t address) {
    auto* cfi = section == CfiSection::eh_frame ? eh_frame_ : debug_frame_;
    if (cfi == nullptr) {
      return nullptr;
    }
    for (;;) {
      Dwarf_Frame* frame = nullptr;
      if (dwarf_cfi_addrframe(cfi, address, &frame) == 0) {
        return FramePointer(frame);
      }
      if (retries_left_ == 0) {
        return nullptr;
      }
      --retries_left_;
    }
  }

 private:
  Dwarf_CFI* eh_frame_ = nullptr;
  Dwarf* dwarf_ = nullptr;
  Dwarf_CFI* debug_frame_ = nullptr;  // owned by dwarf_
  // Without a search table libdw reads on to the entry it is asked for, and gives up at each bad one before that.
  // Asked again it goes on behind it.
  unsigned retries_left_ = 4096;
};

using Ops = std::span<const Dwarf_Op>;

struct RegisterOffset {
  std::uint64_t reg = 0;
  std::int64_t offset = 0;
};

std::optional<RegisterOffset> register_offset(const Dwarf_Op& op) {
  if (op.atom == DW_OP_bregx) {
    return RegisterOffset{op.number, static_cast<std::int64_t>(op.number2)};
  }
  if (op.atom >= DW_OP_breg0 && op.atom <= DW_OP_breg31) {
    return RegisterOffset{std::uint64_t{op.atom} - DW_OP_breg0, static_cast<std::int64_t>(op.number)};
  }
  return std::nullopt;
}

std::optional<std::int32_t> narrow(std::int64_t value) {
  // The highest value is taken: it says "unchanged".
  if (value < std::numeric_limits<std::int32_t>::min() || value >= UnwindRow::kRbpUnchanged) {
    return std::nullopt;
  }
  return static_cast<std::int32_t>(value);
}

bool matches(const Dwarf_Op& op, std::uint64_t reg, std::int64_t offset) {
  const auto found = register_offset(op);
  return found && found->reg == reg && found->offset == offset;
}

// rsp + 8 + (((rip & 15) >= n) << 3). The linkers use n = 11 for the classic entry (jmp, push, jmp), and smaller ones
// where endbr64 stands in front.
std::optional<std::int32_t> plt_threshold(Ops ops) {
  constexpr std::array<unsigned, 4> kTail = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
  if (ops.size() != 9 || !matches(ops[0], dwarf::kRsp, 8) || !matches(ops[1], dwarf::kReturnAddress, 0) ||
      ops[2].atom != DW_OP_lit15 || ops[3].atom != DW_OP_and || ops[4].atom < DW_OP_lit0 || ops[4].atom > DW_OP_lit15) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < kTail.size(); ++i) {
    if (ops[5 + i].atom != kTail[i]) {
      return std::nullopt;
    }
  }
  return static_cast<std::int32_t>(ops[4].atom - DW_OP_lit0);
}

// The trampoline that signal handlers return to: the interrupted rsp stands in the ucontext at rsp.
bool is_kernel_signal_frame(Ops ops) {
  constexpr std::int64_t kSavedRsp = 160;
  return ops.size() == 2 && matches(ops[0], dwarf::kRsp, kSavedRsp) && ops[1].atom == DW_OP_deref;
}

struct SavedAt {
  enum class Kind : std::uint8_t { undefined, unchanged, at_cfa, other };
  Kind kind = Kind::other;
  std::int64_t offset = 0;  // from the CFA
};

SavedAt saved_at(Dwarf_Frame* frame, int reg, const std::optional<RegisterOffset>& cfa) {
  std::array<Dwarf_Op, 3> memory{};
  Dwarf_Op* found = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_register(frame, reg, memory.data(), &found, &count) != 0) {
    return {};
  }
  if (count == 0) {
    return {found == nullptr ? SavedAt::Kind::unchanged : SavedAt::Kind::undefined, 0};
  }
  const Ops ops(found, count);
  if (ops[0].atom != DW_OP_call_frame_cfa || ops.size() > 2) {
    return {};
  }
  if (ops.size() == 1) {
    return {SavedAt::Kind::at_cfa, 0};
  }
  if (ops[1].atom == DW_OP_plus_uconst) {
    return {SavedAt::Kind::at_cfa, static_cast<std::int64_t>(ops[1].number)};
  }
  // An expression, as hand-written code has it, that only says the same by way of the register the CFA is based on.
  const auto based = register_offset(ops[1]);
  if (based && cfa && based->reg == cfa->reg && narrow(based->offset) && narrow(cfa->offset)) {
    return {SavedAt::Kind::at_cfa, based->offset - cfa->offset};
  }
  return {};
}

UnwindRow translate(Dwarf_Frame* frame, bool is_signal) {
  UnwindRow row;
  Dwarf_Op* found = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_cfa(frame, &found, &count) != 0) {
    return row;
  }
  const Ops ops(found, count);
  if (is_signal) {
    row.rule = is_kernel_signal_frame(ops) ? CfaRule::signal_frame : CfaRule::unsupported;
    return row;
  }
  const auto cfa = ops.size() == 1 ? register_offset(ops[0]) : std::nullopt;
  const auto return_address = saved_at(frame, dwarf::kReturnAddress, cfa);
  if (return_address.kind == SavedAt::Kind::undefined) {
    row.rule = CfaRule::outermost;
    return row;
  }
  const auto rbp = saved_at(frame, dwarf::kRbp, cfa);
  const auto rbp_offset =
      rbp.kind == SavedAt::Kind::at_cfa ? narrow(rbp.offset) : std::optional(UnwindRow::kRbpUnchanged);
  const bool is_plain = return_address.kind == SavedAt::Kind::at_cfa && return_address.offset == -8 &&
                        (rbp.kind == SavedAt::Kind::at_cfa || rbp.kind == SavedAt::Kind::unchanged) && rbp_offset;
  if (!is_plain) {
    return row;
  }
  auto rule = CfaRule::unsupported;
  std::optional<std::int32_t> offset;
  if (cfa && (cfa->reg == dwarf::kRsp || cfa->reg == dwarf::kRbp)) {
    rule = cfa->reg == dwarf::kRsp ? CfaRule::rsp_offset : CfaRule::rbp_offset;
    offset = narrow(cfa->offset);
  } else {
    rule = CfaRule::plt;
    offset = plt_threshold(ops);
  }
  return offset ? UnwindRow{0, rule, *offset, *rbp_offset} : row;
}

class Compiler {
 public:
  explicit Compiler(Cfi& cfi) : cfi_(cfi) {}

  void add(const Fde& fde) {
    auto at = std::max(fde.begin, end_);
    if (at >= fde.end) {
      return;
    }
    if (!rows_.empty() && at > end_) {
      push({end_, CfaRule::uncovered});
    }
    if (run_plain_program(fde, plain_)) {
      for (std::size_t i = 0; i < plain_.size(); ++i) {
        if (i + 1 == plain_.size() || plain_[i + 1].begin > at) {
          plain_[i].begin = std::max(plain_[i].begin, at);
          push(plain_[i]);
        }
      }
    } else {
      ask_libdw(fde, at);
    }
    end_ = fde.end;
  }

  UnwindTable take() {
    rows_.shrink_to_fit();
    return {std::move(rows_), end_};
  }

 private:
  void ask_libdw(const Fde& fde, std::uint64_t at) {
    const auto size = fde.program.size() + fde.cie.program.size();
    while (at < fde.end) {
      Dwarf_Addr begin = 0;
      Dwarf_Addr end = 0;
      bool is_signal = false;
      const auto frame = work_left_ < size ? nullptr : cfi_.frame(fde.section, at);
      if (!frame || dwarf_frame_info(frame.get(), &begin, &end, &is_signal) < 0 || end <= at) {
        push({at, CfaRule::uncovered});
        break;
      }
      work_left_ -= size;
      auto row = translate(frame.get(), is_signal);
      row.begin = at;
      push(row);
      at = end;
    }
  }

  void push(const UnwindRow& row) {
    const auto same = [&](const UnwindRow& last) {
      return last.rule == row.rule && last.cfa_offset == row.cfa_offset && last.rbp_offset == row.rbp_offset;
    };
    if (rows_.empty() || !same(rows_.back())) {
      rows_.push_back(row);
    }
  }

  Cfi& cfi_;
  std::vector<UnwindRow> rows_;
  std::vector<UnwindRow> plain_;  // of one entry
  std::uint64_t end_ = 0;
  // Bytes of CFI programs to run. libdw runs a program from its start for each row, so that a file made for it could
  // keep it busy for days; the largest libraries need a fiftieth of this.
  std::uint64_t work_left_ = std::uint64_t{4} << 30;
};

}  // namespace

Result<UnwindTable> compile_unwind_table(const ElfFile& file) {
  // The linker copies .eh_frame into the image; code compiled without it may still have the debugger's .debug_frame,
  // so that one fills the gaps.
  auto fdes = list_fdes(file, CfiSection::debug_frame);
  Cfi cfi(file.handle(), !fdes.empty());
  const auto loaded = list_fdes(file, CfiSection::eh_frame);
  fdes.insert(fdes.end(), loaded.begin(), loaded.end());
  if (fdes.empty()) {
    return fail(Code::not_found, "no call frame information in this file");
  }
  std::ranges::sort(fdes, [](const Fde& left, const Fde& right) {
    return left.begin != right.begin ? left.begin < right.begin : left.section < right.section;
  });
  Compiler compiler(cfi);
  for (const auto& fde : fdes) {
    compiler.add(fde);
  }
  return compiler.take();
}

}  // namespace memsnap
