// Allocates on stacks that look alike: each level's frame is one of several kinds, of the same size, which differ in
// what they do with rbp. From one allocation to the next some levels change their kind, and whatever they keep in rbp.

#include <stdint.h>
#include <stdlib.h>

enum { kLevels = 60, kRounds = 1600 };

extern void plain_frame(void);
extern void saving_frame(void);
extern void pointed_frame(void);
extern void wide_frame(void);

// Read by the frames below.
void (*kinds[kLevels + 1])(void);
uint64_t level;
uint64_t kept = 0x1234;  // what a saving frame puts into rbp
uint64_t width;          // of a wide frame beyond its 16 bytes

#define FUNCTION(name, ...)                                                                                         \
  ".globl " name "\n.type " name ", @function\n" name ":\n.cfi_startproc\n" __VA_ARGS__ ".cfi_endproc\n.size " name \
  ", . - " name "\n"
#define SAVE_RBP "push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %rbp, 0\n"
#define POINT_RBP SAVE_RBP "mov %rsp, %rbp\n.cfi_def_cfa_register %rbp\n"
#define LEAVE "leave\n.cfi_def_cfa %rsp, 8\n.cfi_restore %rbp\nret\n"

__asm__(".text\n"
        // To the frame of the next level, as a jump: it is nowhere on the stack.
        FUNCTION("descend",
                 "mov level(%rip), %rax\n"
                 "lea 1(%rax), %rcx\n"
                 "mov %rcx, level(%rip)\n"
                 "lea kinds(%rip), %rdx\n"
                 "jmp *(%rdx,%rax,8)\n")
        // Leaves rbp as it is.
        FUNCTION("plain_frame",
                 "sub $8, %rsp\n.cfi_adjust_cfa_offset 8\n"
                 "call descend\n"
                 "add $8, %rsp\n.cfi_adjust_cfa_offset -8\n"
                 "ret\n")
        // Keeps something else in rbp.
        FUNCTION("saving_frame", SAVE_RBP "mov kept(%rip), %rbp\n"
                                          "call descend\n"
                                          "pop %rbp\n.cfi_adjust_cfa_offset -8\n.cfi_restore %rbp\n"
                                          "ret\n")
        // Found by rbp.
        FUNCTION("pointed_frame", POINT_RBP "call descend\n" LEAVE)
        // The same, and as wide as several others.
        FUNCTION("wide_frame", POINT_RBP "sub width(%rip), %rsp\ncall descend\n" LEAVE));

static uint32_t next_number(void) {
  static uint64_t state = 7;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return (uint32_t)(state >> 33);
}

static void* volatile last;

static void allocate(void) {
  last = malloc(24);
  free(last);
}

// The test interrupts programs where they call this; this one never does.
__attribute__((noinline)) void interrupt(void) { __asm__ volatile(""); }

int main(int argc, char** argv) {
  (void)argv;
  if (argc > 1000) {
    interrupt();
  }
  static void (*const all[])(void) = {plain_frame, saving_frame, pointed_frame, wide_frame};
  for (int i = 0; i < kLevels; ++i) {
    kinds[i] = plain_frame;
  }
  for (int round = 0; round < kRounds; ++round) {
    for (uint32_t changes = next_number() % 6; changes > 0; --changes) {
      kinds[next_number() % kLevels] = all[next_number() % 4];
    }
    // A shallower stack with wide frames ends where a deeper one does with narrow ones.
    width = next_number() % 4 * 16;
    kept = next_number() % 2 == 0 ? kept : next_number();
    const uint32_t depth = kLevels - next_number() % 50;
    void (*const hidden)(void) = kinds[depth];
    kinds[depth] = allocate;
    level = 1;
    kinds[0]();
    kinds[depth] = hidden;
  }
  return 0;
}
