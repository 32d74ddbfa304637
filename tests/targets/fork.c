// Forks; parent and child both allocate. Exits with 0 where the child did well.

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void finished(void) {}
void child_finished(void) {}

int main(void) {
  void* before = malloc(301);  // site: before fork
  const pid_t child = fork();
  if (child == 0) {
    free(before);
    for (int i = 0; i < 10; ++i) {
      free(malloc(302));  // site: child
    }
    void* kept = malloc(304);  // site: kept by the child
    child_finished();
    free(kept);
    _exit(0);
  }
  void* after = malloc(303);  // site: parent
  int status = -1;
  waitpid(child, &status, 0);
  finished();
  free(before);
  free(after);
  return status == 0 ? 0 : 1;
}
