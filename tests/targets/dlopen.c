// Loads a library that allocates, and unloads it again.

#include <dlfcn.h>
#include <stdlib.h>

void loaded(void) {}
void finished(void) {}

int main(void) {
  void* library = dlopen("libplug.so", RTLD_NOW);
  if (library == NULL) {
    return 1;
  }
  void* (*plug)(void) = (void* (*)(void))dlsym(library, "plug");
  void* block = plug();
  loaded();
  dlclose(library);
  finished();
  free(block);
  return 0;
}
