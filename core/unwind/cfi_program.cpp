#include <dwarf.h>

#include "core/unwind/byte_cursor.h"
#include "core/unwind/fde_list.h"

namespace memsnap {
namespace {

// libdw keeps an array as long as the highest register number that a program names, up to gigabytes.
constexpr std::uint64_t kMostRegisters = 256;
// Each remembered state is a copy of that array.
constexpr unsigned kMostRemembered = 256;

class CfiProgram {
 public:
  explicit CfiProgram(std::span<const std::uint8_t> bytes) : cursor_(bytes) {}

  bool is_sane() {
    while (!cursor_.at_end()) {
      if (!step()) {
        return false;
      }
    }
    return !cursor_.failed();
  }

 private:
  bool number() {
    cursor_.uleb();
    return !cursor_.failed();
  }
  bool reg() { return cursor_.uleb() < kMostRegisters && !cursor_.failed(); }
  bool block() {
    cursor_.skip(cursor_.uleb());
    return !cursor_.failed();
  }
  bool bytes(std::uint64_t count) {
    cursor_.skip(count);
    return !cursor_.failed();
  }

  bool step() {
    const unsigned code = cursor_.fixed<std::uint8_t>();
    switch (code & 0xc0U) {
      case DW_CFA_advance_loc:
      case DW_CFA_restore:
        return true;
      case DW_CFA_offset:
        return number();
      default:
        return extended(code);
    }
  }

  bool extended(unsigned code) {
    switch (code) {
      case DW_CFA_nop:
        return true;
      case DW_CFA_advance_loc1:
        return bytes(1);
      case DW_CFA_advance_loc2:
        return bytes(2);
      case DW_CFA_advance_loc4:
        return bytes(4);
      case DW_CFA_remember_state:
        return ++remembered_ <= kMostRemembered;
      case DW_CFA_restore_state:
        return remembered_-- > 0;
      case DW_CFA_undefined:
      case DW_CFA_same_value:
      case DW_CFA_restore_extended:
      case DW_CFA_def_cfa_register:
        return reg();
      case DW_CFA_def_cfa_offset:
      case DW_CFA_def_cfa_offset_sf:
      case DW_CFA_GNU_args_size:
        return number();
      case DW_CFA_register:
        return reg() && reg();
      case DW_CFA_def_cfa:
      case DW_CFA_def_cfa_sf:
      case DW_CFA_offset_extended:
      case DW_CFA_offset_extended_sf:
      case DW_CFA_val_offset:
      case DW_CFA_val_offset_sf:
      case DW_CFA_GNU_negative_offset_extended:
        return reg() && number();
      case DW_CFA_def_cfa_expression:
        return block();
      case DW_CFA_expression:
      case DW_CFA_val_expression:
        return reg() && block();
      default:  // DW_CFA_set_loc too: no compiler for x86-64 writes it
        return false;
    }
  }

  ByteCursor cursor_;
  unsigned remembered_ = 0;
};

}  // namespace

bool is_sane_cfi_program(std::span<const std::uint8_t> program) { return CfiProgram(program).is_sane(); }

}  // namespace memsnap
