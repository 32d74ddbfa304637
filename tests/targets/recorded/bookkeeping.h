/* Entering into the books. */
#ifndef BOOKKEEPING_H
#define BOOKKEEPING_H

#include <stddef.h>

#include "books.h"

static inline void book_allocation(struct books* books, void* block, size_t size) {
  if (block == NULL) {
    return;
  }
  struct booked_block* slot = books->live;
  while (slot->address != 0) {
    ++slot;
  }
  slot->address = (uint64_t)(uintptr_t)block;
  slot->size = size;
  ++books->allocations;
  books->allocated += size;
  books->size += size;
}

static inline void book_free(struct books* books, uint64_t block) {
  if (block == 0) {
    return;
  }
  struct booked_block* slot = books->live;
  while (slot->address != block) {
    ++slot;
  }
  slot->address = 0;
  ++books->frees;
  books->size -= slot->size;
}

#endif
