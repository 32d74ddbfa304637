#pragma once

// Prints "NAME ADDRESS": where the call returns to, as the distance from the file's start in memory.
#ifdef __cplusplus
extern "C" {
#endif
void report(const char* name);
void in_plain_c(void);
#ifdef __cplusplus
}
#endif

// Keeps a call from becoming a jump.
#define STAY() __asm__ volatile("")
