/* What one line has live passes a size while another has more, falls below it, and passes it again by the same
   tracebacks. */

#include <stdlib.h>

static void* blocks[400];
static void* others[400];

__attribute__((noinline)) static void fill(int i, int depth) {
  if (depth > 0) {
    fill(i, depth - 1);
    return;
  }
  blocks[i] = malloc(100);  // site: blocks
  others[i] = malloc(1000);
}

__attribute__((noinline)) static void empty(int from, int to) {
  for (int i = from; i < to; ++i) {
    free(blocks[i]);
  }
}

__attribute__((noinline)) static void move(int i) {
  blocks[i] = realloc(blocks[i], 200);  // site: moved
}

__attribute__((noinline)) void finished(void) {}

int main(void) {
  for (int i = 0; i < 200; ++i) {
    if (i == 100) {
      empty(10, 100); /* 10 are left */
    }
    fill(i, i % 10);
  }
  for (int i = 100; i < 160; ++i) {
    move(i); /* 50 are left, which is the limit */
  }
  fill(200, 15);
  finished();
  return 0;
}
