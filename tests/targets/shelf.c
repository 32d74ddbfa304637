// A pool in a library that comes late.
#include <stddef.h>

static char shelf[4096];
static size_t used;

void* shelf_get(size_t size) {
  void* block = shelf + used;
  used += (size + 15) / 16 * 16;
  return block;
}
