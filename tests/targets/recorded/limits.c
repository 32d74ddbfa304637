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
#include <unistd.h>

enum { kBlocks = 200000, kSize = 24, kDepths = 200 };

static void* blocks[kBlocks];

/* So many blocks are live, of kSize bytes each. */
__attribute__((noinline)) void checkpoint(uint64_t live) { __asm__ volatile("" : : "r"(live) : "memory"); }

/* The C library keeps what it has once had, so that no call below needs more. */
static void reserve(void) {
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  free(malloc((size_t)kBlocks * 64));
}

/* But so much, in bytes. */
static int no_more_address_space(unsigned long left) {
  unsigned long pages = 0;
  FILE* statm = fopen("/proc/self/statm", "r");
  if (statm == NULL || fscanf(statm, "%lu", &pages) != 1) {
    return 0;
  }
  fclose(statm);
  const struct rlimit limit = {pages * 4096 + left, pages * 4096 + left};
  return setrlimit(RLIMIT_AS, &limit) == 0;
}

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What an allocator of threads needs. */
static struct sock_filter few[] = {
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
/* The same for memory that is no code and for waiting alone, in more words than it needs. */
static struct sock_filter roundabout[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
    BPF_STMT(BPF_MISC | BPF_TAX, 0),
    BPF_STMT(BPF_ST + 1, 3), /* M[3] = X */
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_STMT(BPF_ST, 4),
    BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 3),
    BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
    BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 4),
    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2),
    BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 64),
    BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0), /* it is the number again */
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mmap, 0, 5),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 1, 0),
    BPF_STMT(BPF_JMP | BPF_JA, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_futex, 0, 5),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 127),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    ALLOW(munmap),
    ALLOW(exit_group),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
/* One that goes round for ever, which the kernel does not take. */
static struct sock_filter endless[] = {
    BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
/* What this program needs. */
static struct sock_filter fewer[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(exit_group),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static int filter(struct sock_filter* code, size_t size, int by_syscall) {
  const struct sock_fprog program = {size / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return 0;
  }
  return (by_syscall ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
                     : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) == 0;
}

/* A stack deeper than it ever was. */
__attribute__((noinline)) static void* deep(int depth) {
  void* volatile block = depth == 0 ? malloc(kSize) : deep(depth - 1);
  return block;
}

int main(int argument_count, char** arguments) {
  const char* what = argument_count > 1 ? arguments[1] : "";
  const unsigned long spare = argument_count > 2 ? strtoul(arguments[2], NULL, 0) : 0;
  reserve();
  if ((strcmp(what, "memory") == 0 && !no_more_address_space(spare)) ||
      (strcmp(what, "seccomp") == 0 && !filter(few, sizeof few, 0)) ||
      (strcmp(what, "roundabout") == 0 && !filter(roundabout, sizeof roundabout, 0)) ||
      (strcmp(what, "fewer") == 0 && !filter(fewer, sizeof fewer, 0)) ||
      (strcmp(what, "syscall") == 0 && !filter(fewer, sizeof fewer, 1)) ||
      (strcmp(what, "endless") == 0 && filter(endless, sizeof endless, 0)) ||
      (strcmp(what, "strict") == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)) {
    return 1;
  }
  checkpoint(0);
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = i < kDepths ? deep(i) : malloc(kSize);
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
  if (strcmp(what, "strict") == 0) {
    syscall(SYS_exit, 0); /* the only way out */
  }
  return 0;
}
