// Allocates on stacks of every kind. The test compares, at each call of malloc, what the recorder makes of the stack.

#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace {

volatile int sink = 0;
void* volatile last = nullptr;

[[gnu::noinline]] void allocate() {
  last = std::malloc(40);
  sink = sink + 1;  // no tail call
}

std::uint32_t next_number() {
  static std::uint64_t state = 42;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return static_cast<std::uint32_t>(state >> 33);
}

// --- plain calls

[[gnu::noinline]] void recurse(int depth) {  // NOLINT(misc-no-recursion)
  if (depth == 0) {
    allocate();
  } else {
    recurse(depth - 1);
  }
  sink = sink + 1;
}

[[gnu::noinline]] void with_alloca(int depth) {  // NOLINT(misc-no-recursion)
  auto* bytes = static_cast<volatile char*>(alloca(static_cast<std::size_t>(depth) * 24 + 1));
  bytes[0] = 1;
  if (depth > 0) {
    with_alloca(depth - 1);
  }
  allocate();
  sink = sink + bytes[0];
}

// Up and down at random, so that of two allocations in a row much of the stack is the same, or looks so.
[[gnu::noinline]] void branch(int depth);
[[gnu::noinline]] void left(int depth, int number) {
  volatile int locals[3] = {number, 0, 0};
  branch(depth);
  sink = sink + locals[0];
}
[[gnu::noinline]] void right(int depth) {
  branch(depth);
  allocate();
  sink = sink + 1;
}
[[gnu::noinline]] void branch(int depth) {  // NOLINT(misc-no-recursion)
  if (depth == 0) {
    allocate();
    return;
  }
  for (int i = 0; i < 2; ++i) {
    switch (next_number() % 5) {
      case 0:
      case 1:
        left(depth - 1, i);
        break;
      case 2:
        right(depth - 1);
        break;
      case 3:
        with_alloca(static_cast<int>(next_number() % 4));
        break;
      default:
        allocate();
        break;
    }
  }
  sink = sink + 1;
}

int compare(const void* one, const void* other) {
  allocate();
  return *static_cast<const int*>(one) - *static_cast<const int*>(other);
}

void in_callback() {
  int numbers[6] = {5, 2, 6, 1, 4, 3};
  std::qsort(numbers, 6, sizeof numbers[0], compare);
}

// --- stacks that are left at once

#ifdef __cpp_exceptions
[[gnu::noinline]] void throw_from(int depth) {  // NOLINT(misc-no-recursion)
  allocate();
  if (depth == 0) {
    throw std::runtime_error("an exception allocates too, and its text");
  }
  throw_from(depth - 1);
  sink = sink + 1;
}

void with_exceptions() {
  for (int depth = 0; depth < 4; ++depth) {
    try {
      throw_from(depth);
    } catch (const std::exception&) {
      allocate();
    }
  }
}
#else
void with_exceptions() {}
#endif

jmp_buf place;
[[gnu::noinline]] void jump_from(int depth) {  // NOLINT(misc-no-recursion)
  allocate();
  if (depth == 0) {
    longjmp(place, 1);
  }
  if (sink > 0) {  // which it is
    jump_from(depth - 1);
  }
  sink = sink + 1;
}

void with_jumps() {
  for (static int depth = 0; depth < 4; ++depth) {
    if (setjmp(place) == 0) {
      jump_from(depth);
    } else {
      allocate();
    }
  }
}

// --- other stacks

constexpr std::size_t kStack = 64 * 1024;
alignas(16) char stacks[4][kStack];

ucontext_t scheduler;
ucontext_t coroutines[2];

void coroutine(int number) {
  for (int i = 0; i < 4; ++i) {
    recurse(number + i);
    swapcontext(&coroutines[number], &scheduler);
  }
}

void with_coroutines() {
  for (int i = 0; i < 2; ++i) {
    getcontext(&coroutines[i]);
    coroutines[i].uc_stack.ss_sp = stacks[i];
    coroutines[i].uc_stack.ss_size = kStack;
    coroutines[i].uc_link = &scheduler;
    makecontext(&coroutines[i], reinterpret_cast<void (*)()>(coroutine), 1, i);
  }
  for (int i = 0; i < 10; ++i) {
    swapcontext(&scheduler, &coroutines[i % 2]);
    allocate();
  }
}

}  // namespace

extern "C" {
// Calls a function on another stack. `known` says in its CFI how to come back; `unknown` has none, but rbp; `lost` has
// neither.
void on_stack_known(void (*function)(), void* top);
void on_stack_unknown(void (*function)(), void* top);
void on_stack_lost(void (*function)(), void* top);
// Calls a function with any rbp, and says nothing of it.
void with_rbp(void (*function)(), void* rbp);
}

asm(R"(
  .text
  .type on_stack_known, @function
on_stack_known:
  .cfi_startproc
  push %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  mov %rsp, %rbp
  .cfi_def_cfa_register %rbp
  mov %rsi, %rsp
  call *%rdi
  mov %rbp, %rsp
  pop %rbp
  .cfi_def_cfa %rsp, 8
  ret
  .cfi_endproc
  .size on_stack_known, . - on_stack_known

  .type on_stack_unknown, @function
on_stack_unknown:
  push %rbp
  mov %rsp, %rbp
  mov %rsi, %rsp
  call *%rdi
  mov %rbp, %rsp
  pop %rbp
  ret
  .size on_stack_unknown, . - on_stack_unknown

  .type on_stack_lost, @function
on_stack_lost:
  push %rbx
  mov %rsp, %rbx
  mov %rsi, %rsp
  call *%rdi
  mov %rbx, %rsp
  pop %rbx
  ret
  .size on_stack_lost, . - on_stack_lost

  .type with_rbp, @function
with_rbp:
  push %rbp
  mov %rsi, %rbp
  call *%rdi
  pop %rbp
  ret
  .size with_rbp, . - with_rbp
)");

namespace {

void some_depth() {
  recurse(3);
  branch(3);
}

void switch_again() { on_stack_known(some_depth, stacks[2] + kStack); }

void with_switches() {
  for (int i = 0; i < 3; ++i) {
    on_stack_known(some_depth, stacks[2] + kStack);
    on_stack_unknown(some_depth, stacks[2] + kStack);
    on_stack_lost(some_depth, stacks[2] + kStack);
    // From a higher stack to a lower one.
    on_stack_known(switch_again, stacks[3] + kStack);
    allocate();
  }
}

// The same function at the same place of a stack, called from another stack that is there no more the next time.
void from_stack_that_goes(int round) {
  void* gone = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (gone == MAP_FAILED) {
    std::abort();
  }
  on_stack_known(round % 2 == 0 ? switch_again : some_depth, static_cast<char*>(gone) + kStack);
  munmap(gone, kStack);
  switch_again();
}

char* half_gone = nullptr;
void near_what_is_gone() { with_rbp(allocate, half_gone + 2 * kStack - 64); }

// What looks like a frame pointer leads to where a stack was.
void beside_stack_that_goes() {
  void* both = mmap(nullptr, 2 * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (both == MAP_FAILED) {
    std::abort();
  }
  half_gone = static_cast<char*>(both);
  on_stack_known(some_depth, half_gone + 2 * kStack);
  with_rbp(allocate, half_gone);
  munmap(half_gone + kStack, kStack);
  on_stack_known(near_what_is_gone, half_gone + kStack);
}

void on_signal(int) { recurse(2); }

[[gnu::noinline]] void raise_from(int depth) {  // NOLINT(misc-no-recursion)
  if (depth == 0) {
    std::raise(SIGUSR2);
  } else {
    raise_from(depth - 1);
  }
  allocate();
  sink = sink + 1;
}

void prepare_signals() {
  static char alternate[16 * 1024];
  stack_t stack = {};
  stack.ss_sp = alternate;
  stack.ss_size = sizeof alternate;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, nullptr);
}

void* in_thread(void*) {
  some_depth();
  return nullptr;
}

struct BeforeMain {
  BeforeMain() { allocate(); }
  ~BeforeMain() { allocate(); }
} before_main;

}  // namespace

// From here on the test sends a signal after some instructions.
extern "C" [[gnu::noinline]] void interrupt(int depth) {
  volatile int numbers[4] = {1, 2, 3, depth};
  branch(depth % 3);
  for (const int number : numbers) {
    sink = sink + number;
  }
}

int main() {
  prepare_signals();
  recurse(0);
  recurse(200);
  recurse(300);
  recurse(40);
  with_alloca(10);
  for (int i = 0; i < 60; ++i) {
    branch(4 + i % 6);
  }
  in_callback();
  with_exceptions();
  with_jumps();
  with_coroutines();
  with_switches();
  for (int i = 0; i < 4; ++i) {
    from_stack_that_goes(i);
  }
  beside_stack_that_goes();
  raise_from(0);
  raise_from(5);
  for (int i = 0; i < 40; ++i) {
    interrupt(i);
  }
  pthread_t thread;
  pthread_create(&thread, nullptr, in_thread, nullptr);
  pthread_join(thread, nullptr);
  return 0;
}
