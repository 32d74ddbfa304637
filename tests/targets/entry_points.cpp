// Calls every way into the allocator, each on a line of its own with a size of its own.

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

// Volatile, so that the compiler neither drops a call nor warns of one that cannot succeed.
volatile std::size_t huge = SIZE_MAX / 4;
volatile std::size_t none = 0;

struct alignas(64) Wide {
  char bytes[256];
};

}  // namespace

/// Places to stop at: all blocks are live; all are given back.
void kept() {}
void given_back() {}

int main() {
  void* by_malloc = std::malloc(101);                  // site: malloc
  void* by_malloc_zero = std::malloc(none);            // site: malloc zero
  void* by_malloc_huge = std::malloc(huge * 3);        // site: malloc fails
  void* by_calloc = std::calloc(3, 34);                // site: calloc
  void* by_calloc_huge = std::calloc(huge, 16);        // site: calloc overflows
  void* by_realloc_null = std::realloc(nullptr, 103);  // site: realloc of nothing

  void* small = std::malloc(10);           // site: realloc's old block
  void* grown = std::realloc(small, 104);  // site: realloc

  void* stays = std::malloc(105);                         // site: stays
  void* by_realloc_huge = std::realloc(stays, huge * 3);  // site: realloc fails

  void* goes = std::malloc(11);                      // site: goes
  void* by_realloc_zero = std::realloc(goes, none);  // site: realloc to nothing

  void* few = reallocarray(nullptr, 2, 6);    // site: reallocarray's old block
  void* by_array = reallocarray(few, 3, 36);  // site: reallocarray

  void* by_memalign = memalign(64, 109);                 // site: memalign
  void* by_aligned_alloc = std::aligned_alloc(64, 128);  // site: aligned_alloc
  void* by_posix_memalign = nullptr;
  const int refused = posix_memalign(&by_posix_memalign, 3, 12);     // site: posix_memalign fails
  const int accepted = posix_memalign(&by_posix_memalign, 64, 111);  // site: posix_memalign
  void* by_valloc = valloc(112);                                     // site: valloc
  void* by_pvalloc = pvalloc(113);                                   // site: pvalloc

  void* by_new = ::operator new(201);                                                  // site: new
  void* by_new_array = ::operator new[](202);                                          // site: new[]
  void* by_nothrow = ::operator new(203, std::nothrow);                                // site: new nothrow
  void* by_nothrow_array = ::operator new[](204, std::nothrow);                        // site: new[] nothrow
  void* by_aligned = ::operator new(256, std::align_val_t(64));                        // site: new aligned
  void* by_aligned_array = ::operator new[](320, std::align_val_t(64));                // site: new[] aligned
  void* by_aligned_nothrow = ::operator new(384, std::align_val_t(64), std::nothrow);  // site: new aligned nothrow
  void* by_aligned_array_nothrow =
      ::operator new[](448, std::align_val_t(64), std::nothrow);  // site: new[] aligned nothrow
  int* number = new int;                                          // site: new int
  Wide* wide = new Wide;                                          // site: new Wide
  char* text = new char[205];                                     // site: new char[]
  kept();

  std::free(nullptr);
  ::operator delete(nullptr);
  std::free(by_malloc);
  std::free(by_malloc_zero);
  std::free(by_calloc);
  std::free(by_realloc_null);
  std::free(grown);
  std::free(stays);
  std::free(by_array);
  std::free(by_memalign);
  std::free(by_aligned_alloc);
  std::free(by_posix_memalign);
  std::free(by_valloc);
  std::free(by_pvalloc);
  ::operator delete(by_new, 201);
  ::operator delete[](by_new_array, 202);
  ::operator delete(by_nothrow, std::nothrow);
  ::operator delete[](by_nothrow_array, std::nothrow);
  ::operator delete(by_aligned, std::align_val_t(64));
  ::operator delete[](by_aligned_array, 320, std::align_val_t(64));
  ::operator delete(by_aligned_nothrow, std::align_val_t(64), std::nothrow);
  ::operator delete[](by_aligned_array_nothrow, std::align_val_t(64), std::nothrow);
  delete number;
  delete wide;
  delete[] text;
  given_back();

  const bool failed_as_meant = by_malloc_huge == nullptr && by_calloc_huge == nullptr && by_realloc_huge == nullptr &&
                               by_realloc_zero == nullptr && refused != 0 && accepted == 0;
  return failed_as_meant ? 0 : 1;
}
