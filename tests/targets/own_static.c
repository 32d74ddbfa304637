// A static program with an allocator of its own beside glibc, of which one function calls another: ten blocks of 24
// bytes from calloc.

#include <stddef.h>
#include <string.h>
#include <unistd.h>

static char memory[1 << 20];
static size_t used = 0;

void* malloc(size_t size) {
  void* block = memory + used;
  used += (size + 15) & ~(size_t)15;
  return used <= sizeof memory ? block : NULL;
}

void* calloc(size_t count, size_t size) {
  void* block = malloc(count * size);
  return block == NULL ? NULL : memset(block, 0, count * size);
}

void* realloc(void* block, size_t size) {
  void* fresh = malloc(size);
  return block == NULL || fresh == NULL ? fresh : memcpy(fresh, block, size);
}

void free(void* block) { (void)block; }

static void* volatile kept;

void finished(void) {}

int main(int argc, char** argv) {
  (void)argv;
  if (argc > 1000) {
    return fork();  // has the code linked in by which a newer glibc is known
  }
  for (int i = 0; i < 10; ++i) {
    kept = calloc(3, 8);  // site: calloc
  }
  finished();
  return 0;
}
