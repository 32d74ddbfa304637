/* A long mix of calls of pools that are the program's own, always the same one, with books. Their chunks come from
   malloc, some of them inside the pools' functions and some outside. With an argument, as many threads do so, each with
   pools of its own and without books, and in the end all is given back. */

#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bookkeeping.h"

enum { kPools = 5, kSlots = 40, kSteps = 3000, kEach = 250, kChunk = 4000 };

struct free_block {
  struct free_block* next;
  size_t size;
};

struct chunk {
  struct chunk* next;
  size_t used;
  char bytes[kChunk];
};

struct pool {
  struct chunk* chunks;
  struct free_block* free_blocks;
  void* spare;        /* comes from malloc as the pool is made, and goes inside one of its functions */
  struct chunk first; /* its first block has the address of none of malloc's */
};

struct worker {
  struct books* books; /* NULL: none are kept */
  uint64_t numbers;
  struct pool* pools[kPools];
  void* slots[kPools][kSlots];
  jmp_buf too_large;
};

static struct books all;

__attribute__((noinline)) void checkpoint(const struct books* books) { __asm__ volatile("" : : "r"(books) : "memory"); }

/* Each block has its size in front. */
__attribute__((noinline)) void* pool_get(struct worker* worker, size_t size, struct pool* pool) {
  const size_t whole = (size + 15) / 16 * 16 + 16;
  for (struct free_block** each = &pool->free_blocks; *each != NULL; each = &(*each)->next) {
    if ((*each)->size >= whole) {
      struct free_block* found = *each;
      *each = found->next;
      return (char*)found + 16;
    }
  }
  if (whole > kChunk) {
    longjmp(worker->too_large, 1);
  }
  if (kChunk - pool->chunks->used < whole) {
    struct chunk* chunk = malloc(sizeof *chunk);
    chunk->used = 0;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
  }
  struct free_block* block = (struct free_block*)(pool->chunks->bytes + pool->chunks->used);
  pool->chunks->used += whole;
  block->size = whole;
  return (char*)block + 16;
}

__attribute__((noinline)) void pool_put(void* block, struct pool* pool) {
  if (block != NULL) {
    struct free_block* freed = (struct free_block*)((char*)block - 16);
    freed->next = pool->free_blocks;
    pool->free_blocks = freed;
  }
}

__attribute__((noinline)) void* pool_resize(struct worker* worker, void* old, size_t size, struct pool* pool) {
  void* block = pool_get(worker, size, pool);
  if (old != NULL) {
    memcpy(block, old, 8);
    pool_put(old, pool);
  }
  return block;
}

__attribute__((noinline)) void pool_reset(struct pool* pool) {
  while (pool->chunks != &pool->first) {
    struct chunk* next = pool->chunks->next;
    free(pool->chunks);
    pool->chunks = next;
  }
  free(pool->spare);
  pool->spare = NULL;
  pool->first.used = 0;
  pool->free_blocks = NULL;
}

/* Knuth's MMIX generator: the same numbers everywhere. */
static uint32_t next_number(struct worker* worker) {
  worker->numbers = worker->numbers * 6364136223846793005U + 1442695040888963407U;
  return (uint32_t)(worker->numbers >> 33);
}

static void forget(struct worker* worker, void* block) {
  if (worker->books != NULL) {
    book_free(worker->books, (uint64_t)(uintptr_t)block);
  }
}

static void enter(struct worker* worker, void* block, size_t size) {
  if (worker->books != NULL) {
    book_allocation(worker->books, block, size);
  }
}

/* From deeper in the stack than the call that was left, with what that left there still in place. */
__attribute__((noinline)) static void* get_from_below(struct worker* worker, size_t size, struct pool* pool) {
  char untouched[4096];
  __asm__ volatile("" : : "r"(untouched) : "memory");
  void* block = pool_get(worker, size, pool);
  __asm__ volatile("" : : "r"(untouched) : "memory");
  return block;
}

static void step(struct worker* worker) {
  const uint32_t which = next_number(worker) % kPools;
  struct pool* pool = worker->pools[which];
  void** slot = &worker->slots[which][next_number(worker) % kSlots];
  const size_t size = 1 + next_number(worker) % 500;
  switch (next_number(worker) % 50) {
    case 0:
      forget(worker, pool->spare);
      pool_reset(pool);
      for (int i = 0; i < kSlots; ++i) {
        forget(worker, worker->slots[which][i]);
        worker->slots[which][i] = NULL;
      }
      break;
    case 1:
      if (setjmp(worker->too_large) == 0) {
        pool_get(worker, 100000, pool);
        abort();
      }
      if (*slot == NULL) {
        *slot = get_from_below(worker, size, pool);
        enter(worker, *slot, size);
      }
      break;
    default:
      if (next_number(worker) % 3 == 0) {
        pool_put(*slot, pool);
        forget(worker, *slot);
        *slot = NULL;
      } else if (*slot == NULL && next_number(worker) % 2 == 0) {
        *slot = pool_get(worker, size, pool);
        enter(worker, *slot, size);
      } else {
        forget(worker, *slot);
        *slot = pool_resize(worker, *slot, size, pool);
        enter(worker, *slot, size);
      }
  }
}

static void create(struct worker* worker) {
  for (int i = 0; i < kPools; ++i) {
    worker->pools[i] = calloc(1, sizeof(struct pool));
    worker->pools[i]->chunks = &worker->pools[i]->first;
    enter(worker, worker->pools[i], sizeof(struct pool));
    worker->pools[i]->spare = malloc(100);
    enter(worker, worker->pools[i]->spare, 100);
  }
}

static void* work(void* argument) {
  struct worker worker = {.books = NULL, .numbers = (uint64_t)(uintptr_t)argument};
  create(&worker);
  for (int i = 0; i < kSteps; ++i) {
    step(&worker);
  }
  for (int i = 0; i < kPools; ++i) {
    pool_reset(worker.pools[i]);
    free(worker.pools[i]);
  }
  return NULL;
}

int main(int argc, char** argv) {
  static struct worker worker = {.books = &all, .numbers = 42};
  const int threads = argc > 1 ? atoi(argv[1]) : 0;
  checkpoint(&all);
  if (threads > 0) {
    pthread_t started[16];
    for (int i = 0; i < threads; ++i) {
      pthread_create(&started[i], NULL, work, (void*)(uintptr_t)(i + 1));
    }
    for (int i = 0; i < threads; ++i) {
      pthread_join(started[i], NULL);
    }
    checkpoint(&all);
    return 0;
  }
  create(&worker);
  for (int i = 1; i <= kSteps; ++i) {
    step(&worker);
    if (i % kEach == 0) {
      checkpoint(&all);
    }
  }
  return 0;
}
