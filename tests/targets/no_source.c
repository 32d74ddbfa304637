// A program whose source is not where its debug information says.

#include <stdlib.h>

void finished(void) {}

#line 1 "/nonexistent/not_there.c"
int main(void) {
  void* block = malloc(5);
  finished();
  free(block);
  return 0;
}
