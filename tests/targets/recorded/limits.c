/* Takes from itself what the recorder may want of the kernel, and goes on allocating. The argument names what. */

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { kBlocks = 200000, kSize = 24 };

static void* blocks[kBlocks];

/* So many blocks are live, of kSize bytes each. */
__attribute__((noinline)) void checkpoint(uint64_t live) { __asm__ volatile("" : : "r"(live) : "memory"); }

/* The C library keeps what it has once had, so that no call below needs more. */
static void reserve(void) {
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  free(malloc((size_t)kBlocks * 64));
}

static int no_more_address_space(void) {
  unsigned long pages = 0;
  FILE* statm = fopen("/proc/self/statm", "r");
  if (statm == NULL || fscanf(statm, "%lu", &pages) != 1) {
    return 0;
  }
  fclose(statm);
  const struct rlimit limit = {pages * 4096, pages * 4096};
  return setrlimit(RLIMIT_AS, &limit) == 0;
}

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int few_system_calls(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(read),
      ALLOW(write),
      ALLOW(mmap),
      ALLOW(munmap),
      ALLOW(brk),
      ALLOW(exit_group),
      ALLOW(futex),
      ALLOW(rt_sigreturn),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const struct sock_fprog program = {sizeof code / sizeof code[0], code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int main(int argument_count, char** arguments) {
  const char* what = argument_count > 1 ? arguments[1] : "";
  reserve();
  if ((strcmp(what, "memory") == 0 && !no_more_address_space()) ||
      (strcmp(what, "seccomp") == 0 && !few_system_calls())) {
    return 1;
  }
  checkpoint(0);
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = malloc(kSize);
    if (blocks[i] == NULL) {
      return 2;
    }
    memset(blocks[i], i, kSize);
  }
  checkpoint(kBlocks);
  for (int i = 0; i < kBlocks; ++i) {
    const unsigned char* bytes = blocks[i];
    if (bytes[0] != (unsigned char)i || bytes[kSize - 1] != (unsigned char)i) {
      return 3;
    }
    free(blocks[i]);
  }
  checkpoint(0);
  return 0;
}
