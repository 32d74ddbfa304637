/* Makes processes in one of the ways there are, and keeps its own books meanwhile. The argument names the way. */

#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bookkeeping.h"

static struct books all;
static void* blocks[100];

__attribute__((noinline)) void checkpoint(const struct books* books) { __asm__ volatile("" : : "r"(books) : "memory"); }

static void allocate(size_t size) {
  for (int i = 0; i < 100; ++i) {
    blocks[i] = malloc(size + (size_t)i);
    book_allocation(&all, blocks[i], size + (size_t)i);
  }
}

static void free_half(void) {
  for (int i = 0; i < 100; i += 2) {
    const uint64_t address = (uint64_t)(uintptr_t)blocks[i];
    free(blocks[i]);
    book_free(&all, address);
    blocks[i] = NULL;
  }
}

static int exit_code_of(pid_t child) {
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Each side frees what was there before, and has its own from then on. */
static int by_fork(void) {
  const pid_t child = fork();
  free_half();
  allocate(child == 0 ? 1000 : 2000);
  checkpoint(&all);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(0);
  }
  return exit_code_of(child);
}

/* The child shares all memory, the books too. */
static int by_vfork(void) {
  const pid_t child = vfork();
  if (child == 0) {
    allocate(1000);
    _exit(0);
  }
  free_half();
  checkpoint(&all);
  return exit_code_of(child);
}

static int by_vfork_and_exec(void) {
  const pid_t child = vfork();
  if (child == 0) {
    char* const words[] = {"true", NULL};
    execv("/bin/true", words);
    _exit(1);
  }
  free_half();
  checkpoint(&all);
  return exit_code_of(child);
}

static int by_spawn(void) {
  pid_t child = 0;
  char* const words[] = {"true", NULL};
  if (posix_spawn(&child, "/bin/true", NULL, NULL, words, NULL) != 0) {
    return 1;
  }
  free_half();
  checkpoint(&all);
  return exit_code_of(child);
}

int main(int argument_count, char** arguments) {
  const char* way = argument_count > 1 ? arguments[1] : "";
  allocate(10);
  checkpoint(&all);
  if (strcmp(way, "fork") == 0) {
    return by_fork();
  }
  if (strcmp(way, "vfork") == 0) {
    return by_vfork();
  }
  if (strcmp(way, "vfork-exec") == 0) {
    return by_vfork_and_exec();
  }
  if (strcmp(way, "spawn") == 0) {
    return by_spawn();
  }
  if (strcmp(way, "exec") == 0) {
    char* const words[] = {arguments[0], "again", NULL};
    execv("/proc/self/exe", words);
    return 1;
  }
  return 0;
}
