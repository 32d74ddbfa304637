/* Allocator calls that the test interrupts at every instruction of the recorder by a signal, whose handler allocates or
   frees. The argument says which. */

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { kMost = 4096 };

static int frees;
static void* pool[kMost]; /* given back by the handler */
static void* kept[kMost]; /* made by the handler */
static volatile uint64_t signals;

__attribute__((noinline)) void checkpoint(uint64_t handled) { __asm__ volatile("" : : "r"(handled) : "memory"); }

static void on_signal(int number) {
  (void)number;
  const uint64_t i = signals;
  signals = i + 1;
  if (frees) {
    free(pool[i % kMost]);
  } else {
    kept[i % kMost] = malloc(33);
  }
}

int main(int argument_count, char** arguments) {
  if (argument_count < 3) {
    return 1;
  }
  frees = strcmp(arguments[1], "free") == 0;
  stack_t stack;
  memset(&stack, 0, sizeof stack);
  stack.ss_size = 16 * 1024;
  stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0) {
    return 2;
  }
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = strcmp(arguments[2], "own-stack") == 0 ? SA_ONSTACK : 0;
  sigaction(SIGUSR1, &action, NULL);
  for (int i = 0; i < kMost; ++i) {
    pool[i] = malloc(33);
  }
  void* block = NULL;
  for (int i = 0; i < 3000; ++i) {
    checkpoint(signals);
    block = malloc(100);
    checkpoint(signals);
    block = realloc(block, 5000);
    checkpoint(signals);
    free(block);
  }
  return 0;
}
