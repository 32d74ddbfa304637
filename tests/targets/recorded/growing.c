/* What is live grows: in several threads at once, or, where asked to, in one that waits for a signal first. */

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { kThreads = 4, kBlocks = 200000, kSize = 64 };

static void* blocks[kThreads][kBlocks];

__attribute__((noinline)) void checkpoint(size_t size) { __asm__ volatile("" : : "r"(size) : "memory"); }

/* Two blocks come, and every third goes again. */
static void* grow(void* argument) {
  void** mine = argument;
  for (int i = 0; i < kBlocks; ++i) {
    mine[i] = malloc(kSize);
    if (i % 3 == 2) {
      free(mine[i - 1]);
      mine[i - 1] = NULL;
    }
  }
  return NULL;
}

int main(int argument_count, char** arguments) {
  (void)arguments;
  if (argument_count > 1) {
    sigset_t wanted;
    int signal = 0;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    checkpoint(kSize);
    sigwait(&wanted, &signal);
    grow(blocks[0]);
    return 0;
  }
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) {
    pthread_create(&threads[i], NULL, grow, blocks[i]);
  }
  for (int i = 0; i < kThreads; ++i) {
    pthread_join(threads[i], NULL);
  }
  return 0;
}
