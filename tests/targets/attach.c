// Waits for its orders: says "ready", then answers each byte of its input with the same byte. 'a' allocates ten blocks,
// 'f' frees ten. At 'q', or the end of its input, it exits with 0.

#include <stdlib.h>
#include <unistd.h>

static void* blocks[1000];
static int count = 0;

void allocated(void) {}
void freed(void) {}

static void allocate(void) {
  for (int i = 0; i < 10; ++i) {
    blocks[count++] = malloc(70);  // site: attach
  }
  allocated();
}

static void give_back(void) {
  for (int i = 0; i < 10; ++i) {
    free(blocks[--count]);
  }
  freed();
}

int main(void) {
  char order = 0;
  allocate();
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) {
    return 1;
  }
  while (read(STDIN_FILENO, &order, 1) == 1 && order != 'q') {
    if (order == 'a' && count + 10 <= 1000) {
      allocate();
    } else if (order == 'f' && count >= 10) {
      give_back();
    }
    if (write(STDOUT_FILENO, &order, 1) != 1) {
      return 1;
    }
  }
  return 0;
}
