// A loop of malloc and free, ten calls deep, that times itself: prints the stops there are and the seconds they took.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kRounds = 2000, kStopsPerRound = 3 };

// What a handler that does nothing is put on: the allocator's own code, not a PLT entry.
void* volatile entries[2];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

__attribute__((noinline)) void* get(int depth) {
  if (depth > 0) {
    void* block = get(depth - 1);
    __asm__ volatile("" : "+r"(block));
    return block;
  }
  void* block = malloc(100);
  __asm__ volatile("" : "+r"(block));
  return block;
}

// Where the debugger stops to make its breakpoints: the clock is not running yet.
__attribute__((noinline)) void ready(void) { __asm__ volatile(""); }

int main(void) {
  entries[0] = (void*)malloc;
  entries[1] = (void*)free;
  ready();
  const double begin = now();
  for (int i = 0; i < kRounds; ++i) {
    free(get(10));
  }
  fprintf(stderr, "stops %d seconds %.6f\n", kRounds * kStopsPerRound, now() - begin);
  return 0;
}
