#pragma once

#include <cstddef>
#include <cstdint>

/// The recorder's memory inside the inferior: what its code and the debugger's side both see, and nothing else.
///
/// Everything has a fixed width; every address is one in the inferior. Nearly every word has a single writer, named
/// below; `owner` is the thread that a ThreadState belongs to. The debugger writes only while no thread runs that could
/// be using the word, or a single aligned word that threads merely read.
///
/// Counters count from the recorder's first call on and never go down: what is live is the difference. The debugger
/// keeps its own base of them where the user asks to forget (`clear`).
namespace memsnap::layout {

inline constexpr std::uint64_t kMagic = 0x0170616e736d656dULL;  // "memsnap" and 1, as bytes in memory
inline constexpr std::uint32_t kVersion = 10;

inline constexpr std::size_t kMostFrames = 256;  ///< of a traceback

// --- what the debugger prepares

/// One stretch of code as an unwind row: in force from `begin` up to the next row's.
struct Row {
  std::uint32_t begin;   ///< from ModuleRows::first on
  std::uint32_t packed;  ///< see pack_row
};

enum class RowRule : std::uint8_t {
  rsp_offset,
  rbp_offset,
  plt,
  signal_frame,
  outermost,
  uncovered,
  unsupported,
};

inline constexpr std::uint32_t kRuleBits = 3;
inline constexpr std::uint32_t kCfaBits = 18;  ///< CFA offset in units of 8 (plt: the threshold itself)
inline constexpr std::uint32_t kRbpBits = 11;  ///< rbp is at CFA - 8 * n
inline constexpr std::uint32_t kRbpUnchanged = (1U << kRbpBits) - 1;
inline constexpr std::uint32_t kMostCfa = (1U << kCfaBits) - 1;

constexpr std::uint32_t pack_row(RowRule rule, std::uint32_t cfa, std::uint32_t rbp) {
  return static_cast<std::uint32_t>(rule) | cfa << kRuleBits | rbp << (kRuleBits + kCfaBits);
}
constexpr RowRule row_rule(std::uint32_t packed) { return static_cast<RowRule>(packed & ((1U << kRuleBits) - 1)); }
constexpr std::uint32_t row_cfa(std::uint32_t packed) { return packed >> kRuleBits & kMostCfa; }
constexpr std::uint32_t row_rbp(std::uint32_t packed) { return packed >> (kRuleBits + kCfaBits); }

/// Bytes of code for each entry of a module's index.
inline constexpr std::uint32_t kIndexStep = 1024;

/// A mapped stretch of a module. A module with several segments has one for each, with the same rows.
struct ModuleRows {
  std::uint64_t begin;      ///< run-time address, inclusive
  std::uint64_t end;        ///< exclusive
  std::uint64_t first;      ///< run-time address that Row::begin counts from; no row covers what lies below
  std::uint64_t rows;       ///< Row[row_count], ascending; 0 where the module has no CFI
  std::uint64_t index;      ///< uint32_t[index_count]: the row in force at first + i * kIndexStep
  std::uint32_t row_count;  ///< the last row is `uncovered` and begins where the CFI ends
  std::uint32_t index_count;
};

/// Every module that is mapped. Replaced as a whole; the old list stays mapped.
struct ModuleList {
  std::uint64_t count;
  // ModuleRows follow, ascending by begin.
};

/// What an entry point does: as CallKind in plugin/allocators.h.
enum class SiteKind : std::uint8_t { allocate, allocate_out, reallocate, free, free_all };

/// An argument of an entry point, in a Site: its number from 0 on, -1 for none, with this added where it is an int, of
/// which the upper half of its register says nothing.
inline constexpr std::int8_t kIntArgument = 0x40;
inline constexpr std::int8_t kMostArguments = 6;

/// Blocks of one space never share an address. Space 0 is that of the allocators that everybody knows; each pool of the
/// user's own has another, as it gives out memory that is a block of its allocator's already.
inline constexpr std::uint32_t kSpaceBits = 3;
inline constexpr std::uint32_t kSpaces = 1U << kSpaceBits;

/// What a block is known by: its address, which is a multiple of 8, and its space.
constexpr std::uint64_t make_key(std::uint64_t address, std::uint8_t space) { return address | space; }
constexpr std::uint64_t key_address(std::uint64_t key) { return key & ~std::uint64_t{kSpaces - 1}; }
constexpr std::uint8_t key_space(std::uint64_t key) { return static_cast<std::uint8_t>(key & (kSpaces - 1)); }

/// Families of allocator functions, a bit each: what one of a family gave, one of the same has to take. Several bits
/// where it cannot be told which of them it is.
inline constexpr std::uint8_t kMallocFamily = 1;
inline constexpr std::uint8_t kNewFamily = 2;
inline constexpr std::uint8_t kNewArrayFamily = 4;
inline constexpr std::uint8_t kAnyFamily = 7;
inline constexpr unsigned kFamilyBits = 3;

/// An entry point that is hooked. Its stub loads the site's address into r11 and jumps to the recorder's code.
struct Site {
  std::uint64_t original;      ///< the moved instructions, which go on in the entry point's own code
  std::uint64_t control;       ///< the Control
  std::uint64_t module_begin;  ///< the module that the entry point lies in; of a pool of the user's own, its own code
  std::uint64_t module_end;
  SiteKind kind;
  std::int8_t pointer;  ///< arguments, see kIntArgument
  std::int8_t size;
  std::int8_t count;
  std::uint16_t domain;
  std::uint8_t space;
  std::int8_t pool;     ///< which of several pools: an argument that is the same for all blocks of one
  std::uint64_t bytes;  ///< the size where no argument says it
  std::uint8_t families;
  std::uint8_t is_whole;  ///< 1: no other function than those that are hooked gives what this one takes
  std::uint8_t is_plain;  ///< 1: see is_plain_site
};

/// Whether what most calls are is all that there is to an entry point's: it gives a block of space 0, whose size is one
/// argument, a whole register, or the product of two.
constexpr bool is_plain_site(const Site& site) {
  return site.kind == SiteKind::allocate && site.space == 0 && site.size >= 0 && site.size < kIntArgument;
}

/// Code of the C++ library's `operator new`, which calls malloc.
struct OperatorCode {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint8_t families;
};
inline constexpr std::size_t kOperators = 32;

// --- what the recorder keeps

/// A live block, in a hash table; all zero where the slot is empty. Blocks are aligned to 8 and smaller than a TiB.
struct BlockEntry {
  std::uint64_t low;   ///< address / 8 in bits 0..43, the origin's low 20 bits above
  std::uint64_t high;  ///< size in bits 0..39, epoch in 40..55, the origin's high 8 bits above
};
inline constexpr std::uint32_t kAddressBits = 44;
inline constexpr std::uint32_t kSizeBits = 40;
inline constexpr std::uint32_t kEpochBits = 16;
inline constexpr std::uint32_t kOriginLowBits = 20;
inline constexpr std::uint32_t kOriginBits = 28;

constexpr BlockEntry make_block(std::uint64_t address, std::uint64_t size, std::uint32_t origin, std::uint32_t epoch) {
  return {address >> 3 | std::uint64_t{origin} << kAddressBits,
          size | std::uint64_t{static_cast<std::uint16_t>(epoch)} << kSizeBits |
              std::uint64_t{origin >> kOriginLowBits} << (kSizeBits + kEpochBits)};
}
constexpr std::uint64_t block_address(const BlockEntry& block) {
  return block.low << (64 - kAddressBits) >> (64 - kAddressBits - 3);
}
constexpr std::uint64_t block_size(const BlockEntry& block) {
  return block.high & ((std::uint64_t{1} << kSizeBits) - 1);
}
constexpr std::uint32_t block_epoch(const BlockEntry& block) {
  return static_cast<std::uint32_t>(block.high >> kSizeBits) & 0xffff;
}
constexpr std::uint32_t block_origin(const BlockEntry& block) {
  return static_cast<std::uint32_t>(block.low >> kAddressBits) |
         static_cast<std::uint32_t>(block.high >> (kSizeBits + kEpochBits)) << kOriginLowBits;
}

/// The head of a shard's table; BlockEntry[capacity] follow, and in another space than 0 uint64_t[capacity]: the pool
/// that each came from. One store of Shard::table replaces it.
struct alignas(64) BlockTable {
  std::uint64_t capacity;  ///< slots, a multiple of kSlotsPerLine
  std::uint64_t mapped;    ///< bytes of the mapping that it heads
};
/// Slots in a cache line.
inline constexpr std::uint64_t kSlotsPerLine = 4;

/// The block table is cut in shards by the block's space and address. The holder of the lock writes. While it is held,
/// an entry may stand in two slots, never in none.
struct alignas(64) Shard {
  std::uint32_t lock;        ///< 0, or the holder's ThreadState::number
  std::uint32_t generation;  ///< of Control::generation; a shard that lags behind is empty
  std::uint64_t table;       ///< BlockTable, 0 for none
  std::uint64_t count;       ///< entries
  std::uint64_t lines;       ///< the holder's own: cache lines that the entries of `table` take
  std::uint64_t end;         ///< the holder's own: the end of these entries
  std::uint64_t most;        ///< the holder's own: entries from which on it grows
};
inline constexpr std::uint32_t kShardBits = 7;
inline constexpr std::uint32_t kShards = 1U << kShardBits;  ///< of one space; those of the next follow

/// Whether an origin's blocks are charged to the call site that the user has set a limit to.
enum class Place : std::uint8_t { unknown, elsewhere, at_site };

/// Where blocks come from: a traceback, a domain, a thread. Written by its thread alone, but for what is said.
struct OriginRecord {
  std::uint64_t hash;  ///< of the frames and all else that makes it; 0: not filled in yet, or dead
  std::uint64_t
      frames;  ///< uint64_t[frame_count], innermost first: return addresses, tagged in bits 56..63 (0: native)
  std::uint16_t frame_count;
  std::uint8_t end;          ///< a TracebackEnd
  std::uint8_t space;        ///< of the domain
  std::uint16_t domain;      ///< Site::domain
  Place place;               ///< the debugger's
  std::uint8_t families;     ///< what its blocks belong to; above kFamilyBits the same of the sites that gave them
  std::uint32_t thread;      ///< ThreadState::index of the thread
  std::uint32_t next_left;   ///< the next in the list at ThreadState::left_origins, 0 at its end
  std::uint64_t stopped_at;  ///< for TracebackEnd::no_unwind_info, the address
  std::uint64_t allocated_count;
  std::uint64_t allocated_bytes;
  std::uint64_t freed_count;  ///< by its own thread; what others freed is in their tables
  std::uint64_t freed_bytes;
};

/// Origins are numbered from 1 on, over all threads, and stored in chunks that never move.
inline constexpr std::uint32_t kOriginsPerChunk = 4096;
inline constexpr std::uint32_t kOriginChunks = 4096;
/// A thread takes this many numbers at a time: their records lie in cache lines that no other thread writes.
inline constexpr std::uint32_t kOriginsAtATime = 16;

/// What a thread freed of another thread's blocks, by their origin. A slot of an open-addressing table; origin 0:
/// empty.
struct ForeignFrees {
  std::uint64_t origin;
  std::uint64_t freed_count;
  std::uint64_t freed_bytes;
};

/// The head of such a table; ForeignFrees[capacity] follow. One store of ThreadState::foreign replaces it.
struct ForeignTable {
  std::uint64_t capacity;  ///< slots
  std::uint64_t count;     ///< slots in use
};

/// Why a call could not be recorded.
enum class Reason : std::uint8_t {
  no_memory,    ///< no memory for the recorder's tables
  interrupted,  ///< made by a signal handler that interrupted the recorder
  threads,      ///< too many threads
  unusual,      ///< a block of a TiB or more, or not aligned to 8
  held,         ///< the table was held by a thread that does not run
  origins,      ///< too many tracebacks
  count,
};
inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::count);

/// Two counters that lie side by side, as they were before an operation that is not complete.
struct Undo {
  std::uint64_t address;  ///< of the first; 0: none
  std::uint64_t values[2];
};

/// What a thread is about to enter into the books. From `kind` being set to another than `none` and `settled`, nothing
/// of it counts yet: the reader takes `undo` back (which is complete by then, as far as its kind has any), and sees no
/// block at `block` for an allocation, the old one for a free. `settled`: all of a reallocation counts, and what
/// `detached` says is void.
enum class OperationKind : std::uint8_t { none, allocate, free, reallocate, settled };
struct Operation {
  OperationKind kind;
  std::uint8_t unused[7];
  std::uint64_t block;    ///< allocate, reallocate: the new block's key; free: the old one's
  BlockEntry old;         ///< free: the block as it was; else the new one. (What a realloc took is in
                          ///< ThreadState::detached.)
  std::uint64_t pool;     ///< free: the pool that it came from, in another space than 0
  std::uint64_t history;  ///< FreedEntry::sequence of the one that goes with it, which does not count yet; 0: none
  Undo undo[2];           ///< see undo_count
};

/// How many entries of Operation::undo an operation of this kind has.
constexpr std::size_t undo_count(OperationKind kind) {
  switch (kind) {
    case OperationKind::allocate:
    case OperationKind::free:
      return 1;
    case OperationKind::reallocate:
      return 2;
    case OperationKind::none:
    case OperationKind::settled:
      break;
  }
  return 0;
}

/// A block that was freed, in a ring: sequence number s is at (s - 1) % FreedRing::capacity.
struct FreedEntry {
  std::uint64_t sequence;  ///< from 1 on; with kBeingWritten where the rest means nothing
  BlockEntry block;
  std::uint32_t origin;  ///< of the call that freed it
  std::uint32_t thread;  ///< ThreadState::index of who did
};
inline constexpr std::uint64_t kBeingWritten = std::uint64_t{1} << 63;

/// The head of the ring; FreedEntry[capacity] follow.
struct FreedRing {
  std::uint64_t capacity;
  std::uint64_t kept;  ///< how many of the last ones count: fewer, so that what a new one replaces does not
};
inline constexpr std::uint64_t kMostHistory = 1'000'000;
inline constexpr std::uint64_t kSpareHistory = 64;  ///< of the capacity, for calls under way

/// What an allocator was asked that makes no sense.
enum class FaultKind : std::uint8_t {
  freed_again,  ///< the address of a block that was freed
  inner,        ///< one that lies in a live block, not at its start
  foreign,      ///< one where no block is
  mismatch,     ///< a live block of another family, or of a pool
  count,
};

/// One of them. Written once; what is the same again only counts. A call is at fault from its beginning on.
struct FaultRecord {
  std::uint64_t address;  ///< that the call was given
  std::uint64_t times;
  BlockEntry block;            ///< `low` 0: none
  std::uint32_t origin;        ///< of the call
  std::uint32_t thread;        ///< ThreadState::index
  std::uint32_t first_freed;   ///< freed_again: origin of the call that freed the block
  std::uint32_t first_thread;  ///< and its thread
  std::uint32_t is_filled;     ///< 1: all of it is there
  FaultKind kind;
  std::uint8_t families;        ///< of the call
  std::uint8_t is_on_stack;     ///< foreign: the address is on the stack of the call
  std::uint8_t is_reallocated;  ///< by a realloc
};
inline constexpr std::uint32_t kFaults = 256;

/// A frame of the stack as it was at the last walk. Outermost first in ThreadState::walked.
struct WalkedFrame {
  std::uint64_t pc;        ///< return address (an interrupted frame: its pc + 1)
  std::uint64_t sp;        ///< rsp in this frame, as the call will return
  std::uint64_t rbp;       ///< its rbp
  std::uint64_t rbp_slot;  ///< where that was loaded from; 0: it is the rbp of the frame inside
  std::uint64_t hash;      ///< of all frames from the outermost remembered one to this
  std::uint32_t origin;    ///< what a traceback from here outwards was entered as; 0: not yet
  std::uint32_t flags;     ///< kWalked...
  std::uint32_t domain;    ///< that `origin` is of
  std::uint32_t unused;
  std::uint64_t checks;  ///< how many of ThreadState::checks are of this frame and those further out
};
inline constexpr std::uint32_t kWalkedInterrupted = 1;  ///< a signal came here: pc does not follow a call
inline constexpr std::uint32_t kWalkedEnd = 2;          ///< the outermost: nothing lies beyond
inline constexpr std::uint32_t kWalkedStuck = 4;        ///< no way to go on from here
inline constexpr std::uint32_t kWalkedNoRbp = 8;        ///< rbp is not known
inline constexpr std::uint32_t kWalkedGuessed = 16;     ///< found by way of a frame pointer where there was no row
inline constexpr std::uint32_t kWalkedUsesRbp = 32;     ///< the way to its caller leads by its rbp
inline constexpr std::uint32_t kWalkedNeedsRbp = 64;    ///< the same of it or, where they have the same rbp, a frame
                                                        ///< further out. Without, `rbp` may be what it was once
inline constexpr std::uint32_t kWalkedAnew = kWalkedInterrupted | kWalkedGuessed;  ///< never taken from memory
inline constexpr std::size_t kWalked = 640;                                        ///< frames remembered

/// A word of the stack that a walk went by.
struct WalkCheck {
  std::uint64_t slot;
  std::uint64_t value;
};

/// The last walk's outcome, for a call from the very same stack.
struct LastCall {
  std::uint64_t pc;  ///< return address; 0: nothing is known
  std::uint64_t sp;  ///< rsp at the call's entry
  std::uint64_t rbp;
  std::uint64_t rbp_mask;      ///< 0 where it does not matter, else all bits
  std::uint64_t checks_begin;  ///< WalkCheck: what must be unchanged
  std::uint64_t checks_end;
  std::uint64_t modules_generation;
  std::uint64_t record;  ///< the OriginRecord
  std::uint64_t site;    ///< the Site that was called
  std::uint32_t origin;  ///< its number
  std::uint32_t frame_limit;
};

struct RowCacheEntry {
  std::uint64_t pc;  ///< address looked up
  std::uint32_t packed;
  std::uint32_t known;  ///< 1: `packed` holds, 2: no row there
};
inline constexpr std::size_t kRowCache = 4096;

/// Memory that was found readable, where a stack lies.
struct StackRange {
  std::uint64_t begin;
  std::uint64_t end;
};
inline constexpr std::size_t kStackRanges = 4;

/// What the recorder keeps for a thread; found by the thread pointer. Written by that thread, but for what is said.
struct ThreadState {
  std::uint64_t next;            ///< the next ThreadState, 0 at the end
  std::uint64_t thread_pointer;  ///< fs base
  std::uint64_t tid_word;        ///< where the C library keeps its `tid`; that of this state where it is not known
  std::uint32_t number;          ///< of this state, from 1 on
  std::uint32_t index;           ///< of the thread; another thread that came to have this state has another
  std::uint32_t tid;             ///< the kernel's, 0 where it is not known
  std::uint32_t busy;            ///< 1 while the books are being changed
  std::uint64_t outer_stack;     ///< rsp at the entry of the call that is under way, 0 for none
  std::uint64_t outer_site;      ///< and its Site
  Operation operation;
  BlockEntry detached;  ///< what a realloc under way took from the table, still live; `low` 0 for none. May stand in
                        ///< the table too for a moment
  std::uint64_t detached_pool;  ///< the pool that it came from, in another space than 0
  std::uint64_t unknown_frees;
  std::uint64_t missed_frees;
  std::uint64_t not_recorded[kReasons];
  std::int64_t live;     ///< bytes that it allocated less bytes that it freed, of whatever thread
  std::int64_t live_at;  ///< the same when Control::looks came to be as it is in `looks`, as far as it has noticed
  std::uint64_t looks;
  std::uint64_t origin_index;  ///< uint64_t[origin_capacity]: numbers of its origins and half of their hashes, see
                               ///< index_entry; 0: empty
  std::uint64_t origin_capacity;
  std::uint64_t origin_count;
  std::uint64_t last_origin;   ///< its number that was used last; one that kOriginsAtATime divides ends its lot
  std::uint64_t left_origins;  ///< number of the first origin that a thread before this one left with live blocks
  std::uint64_t foreign;       ///< ForeignTable, 0 for none. A smaller one before it stays mapped: others may read it
  std::uint64_t frames_next;   ///< free room for frames
  std::uint64_t frames_end;
  std::uint64_t modules_generation;  ///< of Control::modules_generation, when the caches below were filled
  std::uint64_t stack_range_next;
  StackRange stack_ranges[kStackRanges];
  LastCall last;
  std::uint64_t walked_count;
  WalkedFrame walked[kWalked];
  std::uint64_t walked_pcs[kWalked];  ///< their pc once more, close together: all of a traceback's are compared often
  WalkCheck checks[2 * kWalked];      ///< what the frames in `walked` were loaded from, outermost first
  RowCacheEntry row_cache[kRowCache];
};

/// A thread that ever allocated, by ThreadState::index.
struct ThreadSlot {
  std::uint64_t thread_pointer;  ///< 0: empty
  std::uint64_t state;
};
inline constexpr std::size_t kThreadSlots = 16384;

/// A system call that the recorder makes. Of what a process has forbidden itself, even an attempt may end it.
enum class Denied : std::uint8_t { mmap, munmap, futex, getpid, gettid, arch_prctl, open, read, close, count };

/// What the user wants to be told that it was passed. Set by the debugger as a whole.
struct Limit {
  std::int64_t bytes;     ///< of the sum of all ThreadState::live; 0: none
  std::int64_t rise;      ///< the recorder's: what each thread may have gained since the last look, and none passed it
  std::int64_t fall;      ///< the recorder's: while `is_past`, what each must have gained more than to be still past it
  std::uint32_t is_past;  ///< the recorder's: 1 where the sum is more than `bytes`
  std::uint32_t tells;    ///< 1: it was passed, and the debugger has not taken this back yet
  std::int64_t passed;    ///< the recorder's: the sum when it was passed last
};

/// The same of one call site. Set by the debugger as a whole; it is asked where that site may have more live than
/// `bytes`, and knows whether it has. What threads that are busy then count of it is not to be relied on.
struct SiteLimit {
  std::int64_t bytes;
  std::int64_t live;     ///< of origins at the site; the threads go on counting
  std::int64_t unknown;  ///< what origins ever gave whose place is unknown; the threads go on counting
  std::uint32_t is_set;
  std::uint32_t is_past;  ///< 1: what is live there is more, and the user knows; the threads take it back
  std::uint32_t asks;     ///< 1: a thread is on its way to ask; the debugger takes it back
  std::uint32_t unused;
};

/// The head of the recorder's data.
struct Control {
  std::uint64_t magic;
  std::uint32_t size;  ///< of this struct, in bytes
  std::uint32_t version;

  // The debugger's.
  std::uint64_t code_begin;  ///< the recorder's code
  std::uint64_t code_end;
  std::uint64_t unwind_begin;  ///< its .eh_frame, for exceptions that pass through
  std::uint64_t unwind_end;
  std::uint32_t frame_limit;  ///< 1 to kMostFrames
  std::uint32_t epoch;        ///< number of the last snapshot, at most 65535
  std::uint32_t generation;   ///< goes up where the user forgets all blocks
  std::uint32_t tid_offset;   ///< where the C library keeps a thread's number, from the thread pointer on; 0: unknown
  std::uint32_t has_fsbase;   ///< whether rdfsbase can be used
  std::uint32_t from_start;   ///< no block can be older than the recorder
  std::uint64_t history;      ///< FreedRing; 0: freed blocks are forgotten
  std::uint64_t modules;      ///< ModuleList
  std::uint64_t modules_generation;
  std::uint64_t sites;  ///< Site[site_count]
  std::uint64_t site_count;
  std::int64_t forgotten;              ///< bytes in the sum of all ThreadState::live that the user had forgotten
  std::uint64_t notes;                 ///< the debugger's own, for who attaches later: address, 0 for none
  std::uint64_t notes_size;            ///< bytes
  std::uint64_t history_floor;         ///< what was entered up to this sequence number the user had forgotten
  std::uint32_t knows_all;             ///< 1: every block since the process began, none was forgotten
  std::uint32_t has_pools;             ///< 1: there are spaces other than 0; what a pool does inside is not known
  OperatorCode operators[kOperators];  ///< of modules that are mapped; 0: none

  // The recorder's; by atomic instructions.
  alignas(64) std::uint64_t threads;  ///< the first ThreadState
  std::uint32_t thread_count;         ///< states made
  std::uint32_t thread_index;         ///< ThreadState::index given out last
  std::uint32_t process;              ///< 0, or the number of the process that it was made in
  std::uint32_t denied;               ///< system calls that the process has forbidden itself: a bit for each Denied
  std::uint64_t mapped;               ///< bytes that the recorder mapped by itself
  std::uint64_t reserve;              ///< memory for when it can map no more: what is left of it
  std::uint64_t reserve_end;
  std::uint64_t not_recorded[kReasons];  ///< where there was no ThreadState
  alignas(64) std::int64_t peak;         ///< of the sum of all ThreadState::live, when a thread last looked
  std::int64_t allowance;                ///< what each thread may have gained since without that it could be more
  std::uint64_t looks;                   ///< how often a thread has looked
  std::uint32_t grown;                   ///< 1: it may be more; who next takes something off has to look before
  std::uint32_t unused3;
  Limit limit;
  SiteLimit site_limit;
  alignas(64) std::uint64_t history_count;  ///< sequence numbers given out
  std::int64_t looks_left;                  ///< entries that may still be looked at in search of what is behind a fault
  std::uint64_t faults_lost;                ///< for which there was no room, or no time to look into them
  std::uint32_t fault_count;                ///< of `faults` taken
  std::uint32_t has_seen_delete;            ///< 1: an `operator delete` has made itself known
  alignas(64) std::uint32_t origin_count;   ///< numbers given out, to threads
  std::uint32_t unused;
  alignas(64) std::uint64_t origin_chunks[kOriginChunks];  ///< OriginRecord[kOriginsPerChunk] each
  Shard shards[kSpaces * kShards];
  FaultRecord faults[kFaults];
  ThreadSlot thread_slots[kThreadSlots];
};

static_assert(sizeof(OriginRecord) * kOriginsAtATime % 128 == 0 && kOriginsPerChunk % kOriginsAtATime == 0);
static_assert(sizeof(Row) == 8 && sizeof(BlockEntry) == 16 && sizeof(Shard) == 64 && sizeof(FreedEntry) == 32);

}  // namespace memsnap::layout
