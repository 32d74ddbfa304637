/* One allocator call at a time, between before() and after(), for a test that goes through them instruction by
   instruction. */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static volatile size_t huge = SIZE_MAX / 4;
static volatile size_t zero = 0;
static void* others;
static pthread_barrier_t together;

/* The call that comes gives so many blocks and takes so many. */
__attribute__((noinline)) void before(const char* name, int gives, int takes) {
  __asm__ volatile("" : : "r"(name), "r"(gives), "r"(takes) : "memory");
}
__attribute__((noinline)) void after(void) { __asm__ volatile("" : : : "memory"); }

/* The next block will most probably be at this address. */
__attribute__((noinline)) void expect(uintptr_t address) { __asm__ volatile("" : : "r"(address) : "memory"); }

static void* other_thread(void* argument) {
  others = malloc(77);
  pthread_barrier_wait(&together);
  pthread_barrier_wait(&together);
  return argument;
}

static void foreign_free(void) {
  pthread_t thread;
  pthread_barrier_init(&together, NULL, 2);
  pthread_create(&thread, NULL, other_thread, NULL);
  pthread_barrier_wait(&together);
  before("free of another thread's block", 0, 1);
  free(others);
  after();
  pthread_barrier_wait(&together);
  pthread_join(thread, NULL);
  before("free of the block of a thread that is gone", 0, 0);
  free(NULL);
  after();
}

static void growth(void) {
  enum { kMost = 4000 };
  static void* blocks[kMost];
  uintptr_t next = 0;
  for (int i = 0; i < kMost; ++i) {
    expect(next);
    blocks[i] = malloc(24);
    after();
    next = (uintptr_t)blocks[i] + 32;
  }
  for (int i = kMost / 2; i < kMost / 2 + 5; ++i) {
    before("free in a full table", 0, 1);
    free(blocks[i]);
    after();
  }
}

static void single_calls(void) {
  void* block = NULL;
  before("first malloc", 1, 0);
  block = malloc(100);
  after();
  before("malloc", 1, 0);
  void* second = malloc(200);
  after();
  before("free", 0, 1);
  free(second);
  after();
  before("malloc at a known address", 1, 0);
  second = malloc(200);
  after();
  before("realloc that moves", 1, 1);
  block = realloc(block, 5000);
  after();
  before("realloc that moves a mapping", 1, 1);
  block = realloc(block, 500000);
  after();
  before("realloc in place", 1, 1);
  second = realloc(second, 201);
  after();
  before("realloc that fails", 0, 0);
  void* none = realloc(second, huge * 3);
  after();
  before("realloc to nothing", 0, 1);
  none = realloc(second, zero);
  after();
  before("realloc of nothing", 1, 0);
  second = realloc(none, 64);
  after();
  before("calloc", 1, 0);
  second = calloc(3, 11);
  after();
  before("posix_memalign", 1, 0);
  posix_memalign(&second, 64, 128);
  after();
  before("free of a mapping", 0, 1);
  free(block);
  after();
  before("malloc that fails", 0, 0);
  block = malloc(huge * 3);
  after();
}

int main(int argument_count, char** arguments) {
  (void)arguments;
  if (argument_count > 1) {
    growth();
  } else {
    single_calls();
    foreign_free();
  }
  return 0;
}
