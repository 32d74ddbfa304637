// Preloaded into a program: says at its end what it used, however it is run. Writes a line "SECONDS KILOBYTES" (of
// processor time, and of memory at its largest) to the file that USED names, for the program that USED_OF names.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

__attribute__((destructor)) static void say(void) {
  const char* program = getenv("USED_OF");
  const char* path = getenv("USED");
  struct rusage used;
  if (program == NULL || path == NULL || strcmp(program, program_invocation_short_name) != 0 ||
      getrusage(RUSAGE_SELF, &used) != 0) {
    return;
  }
  FILE* file = fopen(path, "a");
  if (file != NULL) {
    const double seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    fprintf(file, "%.6f %ld\n", seconds, used.ru_maxrss);
    fclose(file);
  }
}
