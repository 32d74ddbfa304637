// A program with an allocator of its own, whose entry points are in own_malloc.S: ten blocks of 100 bytes from each,
// and as many from malloc again.

#include <stddef.h>
#include <string.h>

void* malloc(size_t size);
void* valloc(size_t size);
void* own_malloc(size_t size);

static char memory[1 << 16];
static size_t used = 0;

// Called by the entry points only.
void* own_malloc(size_t size) {
  void* block = memory + used;
  used += (size + 15) & ~(size_t)15;
  return used <= sizeof memory ? block : NULL;
}

void free(void* block) { (void)block; }

void* calloc(size_t count, size_t size) { return own_malloc(count * size); }

void* realloc(void* block, size_t size) {
  void* fresh = own_malloc(size);
  return block == NULL || fresh == NULL ? fresh : memcpy(fresh, block, size);
}

static void* volatile kept;

void begun(void) {}
void allocated(void) {}
void finished(void) {}

int main(void) {
  begun();
  for (int i = 0; i < 10; ++i) {
    kept = malloc(100);  // site: malloc
    kept = valloc(100);  // site: valloc
  }
  allocated();
  for (int i = 0; i < 10; ++i) {
    kept = malloc(100);  // site: again
  }
  finished();
  return 0;
}
