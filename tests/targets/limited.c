/* What is live passes a size, falls below it, and passes it again: in a function of the program's own, and by way of
   the C library. */

#include <stdlib.h>
#include <string.h>

static void* blocks[1000];
static char text[60000];
static char* copy;

/* 501 blocks are 50100 bytes. */
__attribute__((noinline)) static void grow(int end) {
  for (int i = 0; i < end; ++i) {
    blocks[i] = malloc(100);  // site: grow
  }
}

/* Blocks that are past the size already, and change. */
__attribute__((noinline)) static void change(int end) {
  for (int i = 0; i < end; ++i) {
    blocks[i] = realloc(blocks[i], 110);
  }
}

__attribute__((noinline)) static void shrink(int end) {
  for (int i = 0; i < end; ++i) {
    free(blocks[i]);
  }
}

__attribute__((noinline)) static void fill(int length) {
  memset(text, 'x', (size_t)length - 1);
  copy = strdup(text);  // site: fill
}

__attribute__((noinline)) void finished(void) {}

int main(void) {
  grow(1000);
  change(1000);
  shrink(1000);
  fill(60000);
  finished();
  return 0;
}
