// Pools of the program's own: an arena with chunks from malloc, whose blocks go one by one or all at once, and a
// wrapper. All that goes on is written down in books, for the tests to compare.
#include <dlfcn.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
  struct chunk* next;
  size_t used;
  size_t size;
};

struct pool {
  struct chunk* chunks;
  struct pool* child;
};

static jmp_buf out_of_memory;

static struct chunk* chunk_new(size_t size) {
  struct chunk* chunk = malloc(sizeof(struct chunk) + size);  // site: chunk
  chunk->next = NULL;
  chunk->used = 0;
  chunk->size = size;
  return chunk;
}

struct pool* pool_create(void) {
  struct pool* pool = malloc(sizeof(struct pool));  // site: pool
  pool->chunks = chunk_new(256);
  pool->child = NULL;
  return pool;
}

void* pool_alloc(struct pool* pool, size_t size) {
  const size_t rounded = (size + 15) / 16 * 16;
  if (size > 1000000) {
    longjmp(out_of_memory, 1);
  }
  if (pool->chunks->size - pool->chunks->used < rounded) {
    struct chunk* chunk = chunk_new(rounded + 4096);
    chunk->next = pool->chunks;
    pool->chunks = chunk;
  }
  char* block = (char*)(pool->chunks + 1) + pool->chunks->used;
  pool->chunks->used += rounded;
  return block;
}

// The size of each of several, in an int.
void* pool_calloc(struct pool* pool, int count, int each) {
  void* block = pool_alloc(pool, (size_t)count * (size_t)each);
  memset(block, 0, (size_t)count * (size_t)each);
  return block;
}

void* pool_realloc(struct pool* pool, void* old, size_t old_size, size_t size) {
  void* block = pool_alloc(pool, size);
  if (old != NULL) {
    memcpy(block, old, old_size < size ? old_size : size);
  }
  return block;
}

// Does nothing, as in many a pool.
void pool_free(struct pool* pool, void* block) {
  (void)pool;
  (void)block;
}

void pool_destroy(struct pool* pool) {
  if (pool->child != NULL) {
    pool_destroy(pool->child);
  }
  for (struct chunk* chunk = pool->chunks; chunk != NULL;) {
    struct chunk* next = chunk->next;
    free(chunk);
    chunk = next;
  }
  free(pool);
}

// Where the block is malloc's own.
static void* checked_malloc(size_t size) {
  void* block = malloc(size);
  if (block == NULL) {
    abort();
  }
  return block;
}
static void checked_free(void* block) { free(block); }

// All of one size, from a table.
static char nodes[16][48];
static int nodes_used;
int node_get(char** node) {
  if (nodes_used == 16) {
    *node = NULL;
    return -1;
  }
  *node = nodes[nodes_used++];
  return 0;
}

// A block that no call of the pool gives.
static void* unknown(struct pool* pool) { return (char*)(pool->chunks + 1) + 8; }

void created(void) {}
void given(void) {}
void destroyed(void) {}

int main(int argc, char** argv) {
  struct pool* pool = pool_create();
  struct pool* other = pool_create();
  pool->child = pool_create();
  created();

  void* first = pool_alloc(pool, 100);        // site: first
  void* second = pool_alloc(pool, 101);       // site: second
  void* large = pool_alloc(pool, 5000);       // site: large
  void* many = pool_calloc(pool, 3, 7);       // site: many
  void* mine = pool_realloc(pool, 0, 0, 50);  // site: fresh
  mine = pool_realloc(pool, mine, 50, 60);    // site: grown
  void* child = pool_alloc(pool->child, 10);  // site: child
  void* others = pool_alloc(other, 11);       // site: other
  pool_free(pool, second);
  pool_free(pool, NULL);
  pool_free(pool, unknown(pool));
  if (setjmp(out_of_memory) == 0) {
    pool_alloc(pool, 2000000);  // site: too large
    abort();
  }
  void* after = malloc(33);            // site: after
  void* wrapped = checked_malloc(44);  // site: wrapped
  void* gone = checked_malloc(45);     // site: gone
  checked_free(gone);
  char* node = NULL;
  for (int i = 0; i < 20; ++i) {
    node_get(&node);  // site: node
  }
  given();

  pool_destroy(pool);
  destroyed();

  if (argc > 1) {
    void* library = dlopen(argv[1], RTLD_NOW);
    void* (*get)(size_t) = (void* (*)(size_t))dlsym(library, "shelf_get");
    void* shelved = get(77);  // site: shelved
    (void)shelved;
    destroyed();
  }
  (void)first, (void)large, (void)many, (void)mine, (void)child, (void)others, (void)after, (void)wrapped;
  pool_destroy(other);
  free(after);
  checked_free(wrapped);
  return 0;
}
