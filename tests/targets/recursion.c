// One block at the bottom of a deep stack, and one at each of its first ten levels.

#include <stdlib.h>

static void* blocks[11];

void finished(void) {}

static void dive(int level) {
  if (level < 10) {
    blocks[level] = malloc(801);  // site: level
  }
  if (level < 1000) {
    dive(level + 1);  // site: deeper
  } else {
    blocks[10] = malloc(802);  // site: bottom
    finished();
  }
}

int main(void) {
  dive(0);  // site: main
  for (int i = 0; i < 11; ++i) {
    free(blocks[i]);
  }
  return 0;
}
