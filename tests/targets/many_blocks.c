// So many live blocks that it takes a moment to look at all of them.

#include <stddef.h>
#include <stdlib.h>

enum { kBlocks = 1500000, kSize = 16 };

void** kept;  // not static: a compiler would do without it

void finished(void) {}

int main(void) {
  kept = malloc(kBlocks * sizeof *kept);
  for (size_t i = 0; i < kBlocks; ++i) {
    kept[i] = malloc(kSize);
  }
  finished();
  return 0;
}
