// Optimised: grow() is part of host() only, and in several pieces.

#include <cstdlib>

static void* kept[20];
static int count;

static inline int grow(int blocks) {
  for (int i = 0; i < blocks; ++i) {
    kept[count++] = std::malloc(100);  // site: grown
    if (i > 40) {
      return 7;
    }
  }
  return blocks * 3;
}

__attribute__((noinline)) static int host(int blocks) {
  const int result = grow(blocks);
  kept[count++] = std::malloc(5000);  // site: behind
  return result + count;
}

int main(int argc, char**) { return host(argc + 1) + host(argc + 2) == 0 ? 1 : 0; }
