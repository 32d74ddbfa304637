# The page of the .html export as bytes of this library; see ../html.cpp.
  .section .rodata, "a", @progbits
  .globl memsnap_page_begin
  .hidden memsnap_page_begin
  .globl memsnap_page_end
  .hidden memsnap_page_end
memsnap_page_begin:
  .incbin MEMSNAP_PAGE
memsnap_page_end:
  .byte 0

  .section .note.GNU-stack, "", @progbits
