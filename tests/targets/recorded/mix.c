/* A long mix of allocator calls, always the same one, with books. For any C library and any allocator: what a call did
   is entered as its result tells. */

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "bookkeeping.h"

enum { kSlots = 64, kSteps = 4000, kEach = 500 };

static struct books all;
static void* slots[kSlots];
static volatile size_t huge = SIZE_MAX / 4;

__attribute__((noinline)) void checkpoint(const struct books* books) { __asm__ volatile("" : : "r"(books) : "memory"); }

/* Knuth's MMIX generator: the same numbers everywhere. */
static uint32_t next_number(void) {
  static uint64_t state = 42;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return (uint32_t)(state >> 33);
}

static void give_back(void** slot) {
  const uint64_t address = (uint64_t)(uintptr_t)*slot;
  free(*slot);
  book_free(&all, address);
  *slot = NULL;
}

static void* booked(void* block, size_t size) {
  book_allocation(&all, block, size);
  return block;
}

static void resize(void** slot, size_t size) {
  const uint64_t address = (uint64_t)(uintptr_t)*slot;
  void* block = realloc(*slot, size);
  if (block == NULL && size != 0) {
    return;
  }
  book_free(&all, address);
  *slot = booked(block, size);
}

static void step(void) {
  void** slot = &slots[next_number() % kSlots];
  const size_t size = 1 + next_number() % (next_number() % 50 == 0 ? 300000 : 3000);
  switch (next_number() % 10) {
    case 0:
    case 1:
      give_back(slot);
      *slot = booked(malloc(size), size);
      break;
    case 2:
      give_back(slot);
      *slot = booked(calloc(3, size), 3 * size);
      break;
    case 3:
    case 4:
      resize(slot, size);
      break;
    case 5:
      give_back(slot);
      *slot = booked(memalign(64, size), size);
      break;
    case 6:
      resize(slot, huge * 3);
      break;
    case 7:
      give_back(slot);
      if (posix_memalign(slot, 32, size) == 0) {
        booked(*slot, size);
      } else {
        *slot = NULL;
      }
      break;
    case 8:
      resize(slot, 0);
      break;
    default:
      give_back(slot);
      break;
  }
}

int main(void) {
  for (int i = 1; i <= kSteps; ++i) {
    step();
    if (i % kEach == 0) {
      checkpoint(&all);
    }
  }
  return 0;
}
