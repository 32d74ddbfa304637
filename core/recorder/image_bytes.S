# The recorder's image as bytes of this library; see image.h.
  .section .rodata, "a", @progbits
  .globl memsnap_recorder_image_begin
  .hidden memsnap_recorder_image_begin
  .globl memsnap_recorder_image_end
  .hidden memsnap_recorder_image_end
  .p2align 4
memsnap_recorder_image_begin:
  .incbin MEMSNAP_RECORDER_IMAGE
memsnap_recorder_image_end:
  .byte 0

  .section .note.GNU-stack, "", @progbits
