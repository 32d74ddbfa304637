# A file as bytes of a library; see embed.cmake.
  .section .rodata, "a", @progbits
  .globl MEMSNAP_BEGIN
  .hidden MEMSNAP_BEGIN
  .globl MEMSNAP_END
  .hidden MEMSNAP_END
  .p2align 4
MEMSNAP_BEGIN:
  .incbin MEMSNAP_FILE
MEMSNAP_END:
  .byte 0

  .section .note.GNU-stack, "", @progbits
