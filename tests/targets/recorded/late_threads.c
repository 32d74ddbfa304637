/* Threads that come one after the other, each with less than what is missing to the peak, and together with more. */

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { kThreads = 6, kFirstPeak = 100000, kHalf = 50000, kShare = 24000 };

static void* blocks[kThreads];
static sem_t done, go_home;

/* What was live at most, of the program's own blocks. */
__attribute__((noinline)) void checkpoint(size_t peak) { __asm__ volatile("" : : "r"(peak) : "memory"); }

static void* in_thread(void* argument) {
  void** block = argument;
  *block = malloc(block == blocks ? kHalf : kShare);
  if (block == blocks) {
    free(malloc(8));
  }
  sem_post(&done);
  sem_wait(&go_home);
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  sem_init(&done, 0, 0);
  sem_init(&go_home, 0, 0);
  free(malloc(kFirstPeak));
  for (int i = 0; i < kThreads; ++i) {
    pthread_create(&threads[i], NULL, in_thread, blocks + i);
    sem_wait(&done);
  }
  for (int i = 0; i < kThreads; ++i) {
    free(blocks[i]);
  }
  checkpoint(kHalf + (kThreads - 1) * kShare);
  for (int i = 0; i < kThreads; ++i) {
    sem_post(&go_home);
  }
  for (int i = 0; i < kThreads; ++i) {
    pthread_join(threads[i], NULL);
  }
  return 0;
}
