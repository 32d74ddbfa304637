/* What the threads of the storm write down of their calls. A test that stops them anywhere knows from it which blocks
   there are, up to the calls that are under way. */
#ifndef STORM_H
#define STORM_H

#include <stdint.h>

enum { kStormThreads = 8, kStormRecords = 64 };

/* A block. Written by the thread that made it while it is made, and by the one that frees it from then on. */
struct storm_record {
  uint64_t address; /* 0: none */
  uint64_t size;
  uint64_t is_taken; /* by its owner, for a block that is or will be */
};

enum storm_call { kStormNone, kStormAllocate, kStormFree, kStormReallocate };

/* What one thread does. All but `call` is set while that is kStormNone. */
struct storm_journal {
  uint64_t call;   /* a storm_call that is under way: what is recorded of it is as before it, or as after */
  uint64_t record; /* which record it is about, and will change */
  uint64_t old_address;
  uint64_t old_size;
  uint64_t new_size;
  uint64_t allocations_before; /* calls that gave a block, without the one under way */
  uint64_t frees_before;
  uint64_t allocations; /* calls that gave a block; may have the one under way */
  uint64_t frees;
};

struct storm {
  struct storm_record records[kStormThreads * kStormRecords]; /* each thread's own, one after the other */
  struct storm_journal journals[kStormThreads];
  uint64_t rounds; /* of each thread; 0: until it is killed */
};

#endif
