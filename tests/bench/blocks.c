// Many live blocks from a given number of tracebacks: blocks COUNT SHAPES [SIZE]. Where a size is given, all of their
// memory is written to.

#include <stdlib.h>
#include <string.h>

void** kept;  // not static: a compiler would do without it
static size_t size = 32;

void __attribute__((noinline)) finished(void) { __asm__ volatile(""); }

// The bits of `shape` say which of the two calls leads on.
static void* __attribute__((noinline)) make(unsigned shape) {
  void* block = shape == 0 ? malloc(size) : shape & 1 ? make(shape >> 1) : make((shape >> 1) & ~0u);
  __asm__ volatile("");
  return block;
}

int main(int argc, char** argv) {
  const long count = argc > 1 ? atol(argv[1]) : 10000000;
  const unsigned shapes = argc > 2 ? (unsigned)atol(argv[2]) : 1000;
  size = argc > 3 ? (size_t)atol(argv[3]) : size;
  kept = malloc(sizeof(void*) * (size_t)count);
  for (long i = 0; i < count; ++i) {
    kept[i] = make((unsigned)i % shapes);
    if (argc > 3) {
      memset(kept[i], (int)i, size);
    }
  }
  finished();
  return 0;
}
