// The C part of call_sites.cpp.

#include "call_sites.h"

#include <stdio.h>

extern const char __ehdr_start[];

void __attribute__((noinline)) report(const char* name) {
  printf("%s %lx\n", name, (unsigned long)__builtin_return_address(0) - (unsigned long)__ehdr_start);
}

static void __attribute__((noinline)) static_in_c(void) {
  report("static-c");  // line: static-c
  STAY();
}

void __attribute__((noinline)) in_plain_c(void) {
  report("c");  // line: c
  static_in_c();
  STAY();
}
