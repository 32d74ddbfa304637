// Becomes another program, which is itself with an argument.

#include <stdlib.h>
#include <unistd.h>

void finished(void) {}

int main(int argc, char** argv) {
  (void)argv;
  if (argc == 1) {
    void* lost = malloc(401);  // site: before exec
    execl("/proc/self/exe", "exec", "again", (char*)NULL);
    free(lost);
    return 1;
  }
  void* kept = malloc(402);  // site: after exec
  finished();
  free(kept);
  return 0;
}
