// The library that dlopen.c loads.

#include <stdlib.h>

void* plug(void);

void* plug(void) {
  void* block = malloc(501);  // site: plug
  return block;
}
