/* The books that a program keeps of its own allocations, and hands over where it stops. The tests read them from its
   memory. */
#ifndef BOOKS_H
#define BOOKS_H

#include <stdint.h>

enum { kBookedBlocks = 4096 };

struct booked_block {
  uint64_t address; /* 0: none */
  uint64_t size;
};

struct books {
  uint64_t allocations; /* calls that gave a block */
  uint64_t frees;       /* calls that took one back */
  uint64_t allocated;   /* bytes ever asked for */
  uint64_t size;        /* bytes that are live */
  struct booked_block live[kBookedBlocks];
};

#endif
