#pragma once

#include <cstddef>
#include <cstdint>

#include "core/recorder/layout.h"

/// What the recorder asks of the kernel and the processor. It runs inside other people's programs at any moment, so
/// there is no C library here, no thread-local data, and nothing that could wait for another thread for long.
namespace memsnap::recorder {

using namespace layout;

/// What is written before must be in memory before what is written after: a stop can come in between. (The processor
/// keeps a thread's own stores in order; only the compiler has to be told.)
inline void in_order() { asm volatile("" ::: "memory"); }

template <typename T>
T* at(std::uint64_t address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): that is what it is for
}

inline std::uint64_t address_of(const void* object) { return reinterpret_cast<std::uint64_t>(object); }

// Source: System V AMD64 psABI, A.2.1; asm/unistd_64.h.
enum class Call6 : std::uint8_t {
  read = 0,
  open = 2,
  close = 3,
  mmap = 9,
  munmap = 11,
  getpid = 39,
  arch_prctl = 158,
  gettid = 186,
  futex = 202
};

inline long kernel(Call6 number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0,
                   std::uint64_t e = 0, std::uint64_t f = 0) {
  register std::uint64_t r10 asm("r10") = d;
  register std::uint64_t r8 asm("r8") = e;
  register std::uint64_t r9 asm("r9") = f;
  long result = 0;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(static_cast<long>(number)), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline constexpr std::uint64_t kPage = 4096;

inline std::uint64_t whole_pages(std::uint64_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

/// Whether the process has forbidden itself a call (see filters.h).
inline bool is_denied(const Control& control, Denied call) {
  return (__atomic_load_n(&control.denied, __ATOMIC_RELAXED) >> static_cast<unsigned>(call) & 1) != 0;
}

inline constexpr std::uint64_t kReadWrite = 3;
inline constexpr std::uint64_t kPrivateAnonymous = 0x22;

inline std::uint64_t ask_for_memory(std::uint64_t size) {
  const auto result = kernel(Call6::mmap, 0, size, kReadWrite, kPrivateAnonymous, ~std::uint64_t{0}, 0);
  return result < 0 && result > -4096 ? 0 : static_cast<std::uint64_t>(result);
}

inline std::uint64_t take_from_reserve(Control& control, std::uint64_t size) {
  auto begin = __atomic_load_n(&control.reserve, __ATOMIC_RELAXED);
  do {
    if (control.reserve_end - begin < size) {
      return 0;
    }
  } while (
      !__atomic_compare_exchange_n(&control.reserve, &begin, begin + size, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return begin;
}

/// Zeroed memory of our own, in whole pages; 0 where there is none.
inline std::uint64_t map(Control& control, std::uint64_t bytes) {
  const auto size = whole_pages(bytes);
  const auto address = is_denied(control, Denied::mmap) ? take_from_reserve(control, size) : ask_for_memory(size);
  if (address != 0) {
    __atomic_fetch_add(&control.mapped, size, __ATOMIC_RELAXED);
  }
  return address;
}

inline void unmap(Control& control, std::uint64_t address, std::uint64_t bytes) {
  if (is_denied(control, Denied::munmap)) {
    return;
  }
  const auto size = whole_pages(bytes);
  kernel(Call6::munmap, address, size);
  __atomic_fetch_sub(&control.mapped, size, __ATOMIC_RELAXED);
}

struct Timeout {
  std::int64_t seconds;
  std::int64_t nanoseconds;
};

inline constexpr std::uint64_t kWaitPrivate = 128;

/// Waits on a word, not longer than `nanoseconds`. Returns: whether the word could be read. The one waiting call that
/// every program with threads is allowed to make.
inline bool wait_on(std::uint64_t word, std::uint32_t value, std::int64_t nanoseconds) {
  constexpr long kInterrupted = -4;
  constexpr long kOtherValue = -11;
  constexpr long kTimedOut = -110;
  const Timeout timeout{0, nanoseconds};
  const auto result = kernel(Call6::futex, word, kWaitPrivate, value, address_of(&timeout));
  // Any other error may be one that a filter of system calls makes up, and says nothing of the word.
  return result == 0 || result == kInterrupted || result == kOtherValue || result == kTimedOut;
}

/// Whether the page that `address` lies in can be read. False, too, where that cannot be asked.
inline bool is_readable(const Control& control, std::uint64_t address) {
  return !is_denied(control, Denied::futex) && wait_on(address & ~std::uint64_t{3}, 0, 0);
}

inline constexpr std::uint64_t kGetFs = 0x1003;  // ARCH_GET_FS

// What a hook calls rarely keeps all registers by itself (no_caller_saved_registers): then those that are not needed
// need not be kept by the hook either.
[[gnu::noinline, gnu::no_caller_saved_registers]] inline std::uint64_t ask_thread_pointer() {
  std::uint64_t base = 0;
  kernel(Call6::arch_prctl, kGetFs, address_of(&base));
  return base;
}

/// The fs base as both C libraries, and so the ABI (ELF Handling For Thread-Local Storage, 3.4.6), keep it in the word
/// it points to. Only where it is certain that they have set it.
inline std::uint64_t own_thread_pointer() {
  std::uint64_t base = 0;
  asm volatile("mov %%fs:0, %0" : "=r"(base));
  return base;
}

/// The fs base: the same for all calls of one thread, another one for each thread that runs.
inline std::uint64_t thread_pointer(const Control& control) {
  if (control.has_fsbase == 0) [[unlikely]] {
    return is_denied(control, Denied::arch_prctl) ? own_thread_pointer() : ask_thread_pointer();
  }
  std::uint64_t base = 0;
  asm volatile("rdfsbase %0" : "=r"(base));
  return base;
}

inline std::uint64_t mix(std::uint64_t value) {
  value *= 0x9e3779b97f4a7c15ULL;
  return value ^ value >> 29;
}

inline void zero(std::uint64_t address, std::uint64_t words) {
  asm volatile("rep stosq" : "+D"(address), "+c"(words) : "a"(0) : "memory");
}

}  // namespace memsnap::recorder
