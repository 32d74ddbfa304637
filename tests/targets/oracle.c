// A long mix of allocator calls, always the same one, to be counted by others too. Uses nothing that allocates by
// itself.

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { kSlots = 40, kSteps = 600 };

static void* slots[kSlots];
static volatile size_t huge = SIZE_MAX / 4;

// Knuth's MMIX generator: the same numbers everywhere.
static uint32_t next_number(void) {
  static uint64_t state = 42;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return (uint32_t)(state >> 33);
}

static void step(void) {
  void** slot = &slots[next_number() % kSlots];
  const size_t size = 1 + next_number() % 3000;
  void* moved = NULL;
  switch (next_number() % 8) {
    case 0:
      free(*slot);
      *slot = malloc(size);
      break;
    case 1:
      free(*slot);
      *slot = calloc(3, size);
      break;
    case 2:
    case 3:
      *slot = realloc(*slot, size);
      break;
    case 4:
      free(*slot);
      *slot = memalign(64, size);
      break;
    case 5:
      moved = realloc(*slot, huge * 3);
      if (moved != NULL) {
        *slot = moved;
      }
      break;
    case 6:
      free(*slot);
      if (posix_memalign(slot, 32, size) != 0) {
        *slot = NULL;
      }
      break;
    default:
      free(*slot);
      *slot = NULL;
      break;
  }
}

int main(void) {
  for (int i = 0; i < kSteps; ++i) {
    step();
  }
  for (int i = 0; i < kSlots; i += 2) {
    free(slots[i]);
  }
  return 0;
}
