// Pairs of malloc and free from a given depth of the stack: prints the processor time of one, in nanoseconds.
// Usage: pair DEPTH [THREADS [PAIRS]]

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long pairs = 2000000;
static int depth;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void __attribute__((noinline)) work(void) {
  for (long i = 0; i < pairs; ++i) {
    void* volatile block = malloc(64);
    free(block);
  }
}

static void __attribute__((noinline)) deeper(int levels) {
  if (levels <= 1) {
    work();
  } else {
    deeper(levels - 1);
  }
  __asm__ volatile("");  // no tail call
}

static void* thread(void* unused) {
  deeper(depth);
  return unused;
}

int main(int argc, char** argv) {
  depth = argc > 1 ? atoi(argv[1]) : 10;
  const int threads = argc > 2 ? atoi(argv[2]) : 1;
  pairs = argc > 3 ? atol(argv[3]) : pairs;
  pthread_t ids[64];
  const double begin = now();
  for (int i = 0; i < threads && i < 64; ++i) {
    pthread_create(&ids[i], NULL, thread, NULL);
  }
  for (int i = 0; i < threads && i < 64; ++i) {
    pthread_join(ids[i], NULL);
  }
  printf("nanoseconds %.1f\n", (now() - begin) / (double)pairs / threads);
  return 0;
}
