// Becomes another program, which is itself with an argument.

#include <stdlib.h>
#include <unistd.h>

void finished(void) {}

__attribute__((noinline)) void become(void) {
  void* lost = malloc(401);  // site: before exec
  execl("/proc/self/exe", "exec", "again", (char*)NULL);
  free(lost);
}

int main(int argc, char** argv) {
  (void)argv;
  if (argc == 1) {
    become();
    return 1;
  }
  void* kept = malloc(402);  // site: after exec
  finished();
  free(kept);
  return 0;
}
