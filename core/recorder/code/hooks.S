# The recorder's hooks: where the stubs of hooked entry points jump to, with the Site's address in r11.
#
# They look to the program like nothing at all: every register that the entry point's own code would have seen is the
# same, and after it every register that it left. A debugger or a C++ exception passes through with the unwind
# information given here.
#
# What they call in recorder.cpp keeps all registers by itself, but rax where it gives a result. Those of glibc's do not:
# a compiler may know of a function in the same program what it leaves alone of what the ABI lets it use, but glibc's
# malloc, calloc and free go on to system calls of other files, of which it knows nothing.

# A Call (see call.h) on the stack.
.set kRdi, 0
.set kRsi, 8
.set kRdx, 16
.set kRcx, 24
.set kR8, 32
.set kR9, 40
.set kRax, 48
.set kSite, 56
.set kRbp, 64
.set kLeftRdi, 72
.set kCallSize, 0x68  # keeps rsp aligned to 16

.macro make_room
  sub $kCallSize, %rsp
  .cfi_adjust_cfa_offset kCallSize
  mov %rdi, kRdi(%rsp)
  mov %r11, kSite(%rsp)
.endm

.macro make_call
  make_room
  mov %rsp, %rdi
.endm

.macro drop_call
  add $kCallSize, %rsp
  .cfi_adjust_cfa_offset -kCallSize
.endm

.macro function name
  .globl \name
  .hidden \name
  .type \name, @function
  .p2align 4
\name:
  .cfi_startproc
  # DW_EH_PE_pcrel | DW_EH_PE_sdata4: whoever unwinds through a call that will not return tells us.
  .cfi_personality 0x1b, memsnap_personality
.endm

.macro end_function name
  .cfi_endproc
  .size \name, . - \name
.endm

  .text

# An entry point that gives a block, and one that takes one where its own code may call another entry point.
function memsnap_hook
  make_call
  mov %rsi, kRsi(%rsp)
  mov %rdx, kRdx(%rsp)
  mov %rcx, kRcx(%rsp)
  mov %r8, kR8(%rsp)
  mov %r9, kR9(%rsp)
  mov %rax, kRax(%rsp)
  mov %rbp, kRbp(%rsp)
  call memsnap_before
  test %al, %al
  mov kRdi(%rsp), %rdi
  mov kRax(%rsp), %rax
  je 1f
  call *(%r11)
  mov %rdi, kLeftRdi(%rsp)
  mov %rax, kRax(%rsp)
  mov %rsp, %rdi
  call memsnap_after
  test %al, %al
  mov kLeftRdi(%rsp), %rdi
  mov kRax(%rsp), %rax
  jne .Lpassed
  drop_call
  ret
1:
  .cfi_adjust_cfa_offset kCallSize
  drop_call
  jmp *(%r11)
.Lpassed:
  .cfi_adjust_cfa_offset kCallSize
  drop_call
  pop %r11
  .cfi_adjust_cfa_offset -8
  .cfi_register %rip, %r11
  # All is as after the call, but for rip: a breakpoint here can end in the caller's code.
  .globl memsnap_passed
memsnap_passed:
  nop
  jmp *%r11
end_function memsnap_hook

# Of a plain entry point of glibc's, see memsnap_glibc_given.
function memsnap_hook_glibc
  make_room
  mov %rsi, kRsi(%rsp)
  mov %rbp, kRbp(%rsp)
  call *(%r11)
  mov %rax, kRax(%rsp)
  mov %rsp, %rdi
  call memsnap_glibc_given
  test %al, %al
  mov kRax(%rsp), %rax
  jne .Lpassed
  drop_call
  ret
end_function memsnap_hook_glibc

# An entry point that takes a block and calls no other. Recorded before the block is really given back: afterwards its
# address may be another thread's.
.macro free_function name, taken, taken_by_delete
function \name
  test %rdi, %rdi
  je 1f
  not %r10  # a mark is of one call only
  cmp %rdi, %r10
  je 2f
  not %r10
  make_call
  mov %rbp, kRbp(%rsp)
  call \taken
  mov kRdi(%rsp), %rdi
  mov kSite(%rsp), %r11
  drop_call
1:
  jmp *(%r11)
2:
  make_call
  mov %rbp, kRbp(%rsp)
  call \taken_by_delete
  mov kRdi(%rsp), %rdi
  mov kSite(%rsp), %r11
  drop_call
  jmp *(%r11)
end_function \name
.endm

free_function memsnap_hook_free, memsnap_free, memsnap_delete
free_function memsnap_hook_glibc_free, memsnap_glibc_free, memsnap_glibc_delete

# An `operator delete` that ends in free, by a jump: nothing of it is on the stack there. It leaves a mark in a register
# that no call passes anything in, and that the way there does not touch.
function memsnap_hook_delete
  mov %rdi, %r10
  not %r10
  jmp *(%r11)
end_function memsnap_hook_delete

# _Unwind_Find_FDE(pc, bases) of the C++ run time: it knows modules only, and this code is none.
function memsnap_hook_find_fde
  mov 8(%r11), %rax  # Site::control
  cmp 16(%rax), %rdi  # Control::code_begin
  jb 1f
  cmp 24(%rax), %rdi  # Control::code_end
  jae 1f
  mov %rsi, %rdx
  mov %rdi, %rsi
  mov %rax, %rdi
  jmp memsnap_find_fde
1:
  jmp *(%r11)
end_function memsnap_hook_find_fde

# _exit: the last moment for a debugger to read the books.
function memsnap_hook_exit
  make_call
  mov %rax, kRax(%rsp)
  call memsnap_exit
  test %al, %al
  mov kRdi(%rsp), %rdi
  mov kRax(%rsp), %rax
  jne 1f
  drop_call
  jmp *(%r11)
1:
  .cfi_adjust_cfa_offset kCallSize
  drop_call
  .globl memsnap_exiting
memsnap_exiting:
  nop
  jmp *(%r11)
end_function memsnap_hook_exit

# prctl and syscall of the C library: by which a process forbids itself system calls, the recorder's among them.
function memsnap_hook_filter
  cmp $22, %edi  # PR_SET_SECCOMP
  je 1f
  cmp $157, %edi  # SYS_prctl
  je 1f
  cmp $317, %edi  # SYS_seccomp
  je 1f
  jmp *(%r11)
1:
  make_call
  mov %rsi, kRsi(%rsp)
  mov %rdx, kRdx(%rsp)
  mov %rcx, kRcx(%rsp)
  mov %rbp, kRbp(%rsp)
  call memsnap_filter
  mov kRdi(%rsp), %rdi
  drop_call
  jmp *(%r11)
end_function memsnap_hook_filter

# Where a thread comes by that has noted a fault, if a debugger is to see it.
function memsnap_faulted
  nop
  ret
end_function memsnap_faulted

  # Where the debugger puts the Control's address: the code has no data of its own, and the process never writes this.
  .section .rodata, "a", @progbits
  .globl memsnap_control
  .hidden memsnap_control
  .p2align 3
memsnap_control:
  .quad 0

  .section .note.GNU-stack, "", @progbits
