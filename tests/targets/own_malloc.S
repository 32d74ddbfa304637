/* The entry point of an allocator of the program's own. Every instruction is a line. */
  .text
  .globl malloc
  .type malloc, @function
malloc:
  .cfi_startproc
  push %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  mov %rsp, %rbp  # // site: second instruction
  .cfi_def_cfa_register %rbp
  call own_malloc
  pop %rbp
  .cfi_def_cfa %rsp, 8
  ret
  .cfi_endproc
  .size malloc, . - malloc

/* One that jumps into its own first instructions, where no jump can be put. */
  .p2align 4
  .globl valloc
  .type valloc, @function
valloc:
  .cfi_startproc
  xor %eax, %eax
1:
  inc %eax
  cmp $3, %eax
  jb 1b
  jmp own_malloc
  .cfi_endproc
  .size valloc, . - valloc

  .section .note.GNU-stack, "", @progbits
