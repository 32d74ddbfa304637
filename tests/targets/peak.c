// Threads that all have their blocks at one moment, and free them at the next: the peak is known.

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

enum { kThreads = 8, kBlocks = 40, kSize = 1000 };

static pthread_barrier_t all_have;

void finished(void) {}

static void* thread(void* unused) {
  void* blocks[kBlocks];
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = malloc(kSize);
  }
  pthread_barrier_wait(&all_have);
  for (int i = 0; i < kBlocks; ++i) {
    free(blocks[i]);
  }
  return unused;
}

int main(void) {
  pthread_t threads[kThreads];
  pthread_barrier_init(&all_have, NULL, kThreads);
  for (int i = 0; i < kThreads; ++i) {
    pthread_create(&threads[i], NULL, thread, NULL);
  }
  for (int i = 0; i < kThreads; ++i) {
    pthread_join(threads[i], NULL);
  }
  finished();
  return 0;
}
