#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/result.h"

namespace memsnap {

/// The recorder's code as it is mapped into the inferior: position independent, read and executed, never written by the
/// process. Offsets count from its first byte.
struct RecorderImage {
  std::span<const std::byte> bytes;
  std::uint64_t hook = 0;             ///< of entry points that give a block, or call others
  std::uint64_t hook_free = 0;        ///< of those that take one back, and call no other
  std::uint64_t hook_glibc = 0;       ///< of glibc's malloc and calloc
  std::uint64_t hook_glibc_free = 0;  ///< of glibc's free
  std::uint64_t hook_find_fde = 0;    ///< of the C++ run time's search for unwind information
  std::uint64_t hook_delete = 0;      ///< of the C++ library's `operator delete`, which only passes on to free
  std::uint64_t hook_filter = 0;      ///< of prctl and syscall
  std::uint64_t hook_exit = 0;        ///< of functions that end the process
  std::uint64_t exiting = 0;          ///< where the process comes by from there, if a debugger is to see it
  std::uint64_t passed = 0;           ///< where a call ends that passed the limit: its return address is in r11
  std::uint64_t faulted = 0;          ///< where a thread comes by that has noted a fault, if a debugger is to see it
  std::uint64_t control = 0;          ///< the word that must hold the Control's address
  std::uint64_t unwind_begin = 0;     ///< .eh_frame
  std::uint64_t unwind_end = 0;
};

/// The image that this library was built with. Errors: Code::malformed, where the build went wrong.
Result<RecorderImage> recorder_image();

}  // namespace memsnap
