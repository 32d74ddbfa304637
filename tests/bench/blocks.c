// Ten million live blocks from a thousand call sites' worth of stack shapes.

#include <stdlib.h>

enum { kBlocks = 10000000, kShapes = 1000 };

static void** kept;

void finished(void) {}

static void* __attribute__((noinline)) make(unsigned shape) {
  void* block = shape == 0 ? malloc(32) : shape & 1 ? make(shape >> 1) : make((shape >> 1) & ~0u);
  __asm__ volatile("");
  return block;
}

int main(void) {
  kept = malloc(sizeof(void*) * kBlocks);
  for (long i = 0; i < kBlocks; ++i) {
    kept[i] = make((unsigned)(i % kShapes));
  }
  finished();
  return 0;
}
