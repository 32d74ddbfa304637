#include "core/unwind/plain_program.h"

#include <dwarf.h>

#include <array>
#include <cstddef>
#include <limits>

#include "core/unwind/byte_cursor.h"
#include "core/unwind/dwarf_registers.h"

namespace memsnap {
namespace {

constexpr std::size_t kMostStates = 16;
// Far from where a product or a sum could overflow.
constexpr std::uint64_t kMostOffset = std::numeric_limits<std::int32_t>::max() / 2;

struct State {
  std::uint64_t cfa_register = 0;
  std::int64_t cfa_offset = 0;
  std::int64_t rbp_offset = UnwindRow::kRbpUnchanged;
  bool has_return_address = false;  // at CFA - 8
  bool is_outermost = false;
};

class PlainProgram {
 public:
  PlainProgram(const Fde& fde, std::vector<UnwindRow>& rows) : fde_(fde), at_(fde.begin), rows_(rows) {}

  bool run() {
    const bool is_usual = fde_.cie.code_alignment == 1 && fde_.cie.data_alignment == -8 &&
                          fde_.cie.return_address_register == dwarf::kReturnAddress && !fde_.cie.is_signal;
    if (!is_usual || !run(fde_.cie.program) || at_ != fde_.begin) {
      return false;
    }
    initial_ = now_;
    return run(fde_.program) && (at_ >= fde_.end || push());
  }

 private:
  bool run(std::span<const std::uint8_t> program) {
    ByteCursor cursor(program);
    while (!cursor.at_end() && at_ < fde_.end) {
      const unsigned code = cursor.fixed<std::uint8_t>();
      const unsigned operand = code & 0x3fU;
      bool done = false;
      switch (code & 0xc0U) {
        case DW_CFA_advance_loc:
          done = advance(operand);
          break;
        case DW_CFA_offset:
          done = save(operand, cursor.uleb());
          break;
        case DW_CFA_restore:
          done = restore(operand);
          break;
        default:
          done = extended(code, cursor);
      }
      if (!done) {
        return false;
      }
    }
    return !cursor.failed();
  }

  bool extended(unsigned code, ByteCursor& cursor) {
    switch (code) {
      case DW_CFA_nop:
        return true;
      case DW_CFA_advance_loc1:
        return advance(cursor.fixed<std::uint8_t>());
      case DW_CFA_advance_loc2:
        return advance(cursor.fixed<std::uint16_t>());
      case DW_CFA_advance_loc4:
        return advance(cursor.fixed<std::uint32_t>());
      case DW_CFA_def_cfa:
        now_.cfa_register = cursor.uleb();
        return set_offset(cursor.uleb());
      case DW_CFA_def_cfa_register:
        now_.cfa_register = cursor.uleb();
        return true;
      case DW_CFA_def_cfa_offset:
        return set_offset(cursor.uleb());
      case DW_CFA_GNU_args_size:
        cursor.uleb();
        return true;
      case DW_CFA_remember_state:
        if (remembered_ == saved_.size()) {
          return false;
        }
        saved_[remembered_++] = now_;
        return true;
      case DW_CFA_restore_state:
        if (remembered_ == 0) {
          return false;
        }
        now_ = saved_[--remembered_];
        return true;
      case DW_CFA_undefined:
        now_.is_outermost = cursor.uleb() == dwarf::kReturnAddress;
        return now_.is_outermost;
      default:
        return false;
    }
  }

  bool advance(std::uint64_t bytes) {
    if (bytes == 0) {
      return true;
    }
    if (!push()) {
      return false;
    }
    at_ += bytes;
    return true;
  }

  bool save(std::uint64_t which, std::uint64_t factor) {
    if (factor > kMostOffset / 8) {
      return false;
    }
    const auto offset = -8 * static_cast<std::int64_t>(factor);
    if (which == dwarf::kReturnAddress) {
      now_.has_return_address = offset == -8;
      now_.is_outermost = false;
      return now_.has_return_address;
    }
    if (which == dwarf::kRbp) {
      now_.rbp_offset = offset;
    }
    return which != dwarf::kRsp;
  }

  bool restore(std::uint64_t which) {
    if (which == dwarf::kRbp) {
      now_.rbp_offset = initial_.rbp_offset;
    }
    return which != dwarf::kRsp && which != dwarf::kReturnAddress;
  }

  bool set_offset(std::uint64_t offset) {
    now_.cfa_offset = static_cast<std::int64_t>(offset);
    return offset <= kMostOffset;
  }

  // What holds from at_ on.
  bool push() {
    if (now_.is_outermost) {
      rows_.push_back({.begin = at_, .rule = CfaRule::outermost});
      return true;
    }
    if (!now_.has_return_address || (now_.cfa_register != dwarf::kRsp && now_.cfa_register != dwarf::kRbp)) {
      return false;
    }
    rows_.push_back({at_, now_.cfa_register == dwarf::kRsp ? CfaRule::rsp_offset : CfaRule::rbp_offset,
                     static_cast<std::int32_t>(now_.cfa_offset), static_cast<std::int32_t>(now_.rbp_offset)});
    return true;
  }

  const Fde& fde_;
  std::uint64_t at_;
  std::vector<UnwindRow>& rows_;
  State now_;
  State initial_;
  std::array<State, kMostStates> saved_;
  std::size_t remembered_ = 0;
};

}  // namespace

bool run_plain_program(const Fde& fde, std::vector<UnwindRow>& rows) {
  rows.clear();
  return PlainProgram(fde, rows).run();
}

}  // namespace memsnap
