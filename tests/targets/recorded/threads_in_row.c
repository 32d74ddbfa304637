/* Threads one after the other. Each allocates and frees; what the argument says becomes of its last block: freed by
   itself, or by the thread that waited for it. */

#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kThreads = 2000, kEach = 100, kBlocks = 20 };

static int frees_own;

/* After each hundred threads, from the first thread. */
__attribute__((noinline)) void checkpoint(uint64_t threads) { __asm__ volatile("" : : "r"(threads) : "memory"); }

/* From the last of each hundred, while its blocks are there. */
__attribute__((noinline)) void in_thread(const char* name) { __asm__ volatile("" : : "r"(name) : "memory"); }

static void* work(void* argument) {
  const int number = *(const int*)argument;
  char name[16];
  snprintf(name, sizeof name, "worker-%d", number);
  pthread_setname_np(pthread_self(), name);
  void* blocks[kBlocks];
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = malloc(100);
  }
  if (number % kEach == 0) {
    in_thread(name);
  }
  for (int i = 1; i < kBlocks; ++i) {
    free(blocks[i]);
  }
  if (frees_own) {
    free(blocks[0]);
    return NULL;
  }
  return blocks[0];
}

int main(int argument_count, char** arguments) {
  frees_own = argument_count > 1 && strcmp(arguments[1], "own") == 0;
  for (int i = 1; i <= kThreads; ++i) {
    pthread_t thread;
    void* block = NULL;
    if (pthread_create(&thread, NULL, work, &i) != 0) {
      return 1;
    }
    pthread_join(thread, &block);
    free(block);
    if (i % kEach == 0) {
      checkpoint((uint64_t)i);
    }
  }
  return 0;
}
