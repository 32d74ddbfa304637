// Asks `operator new` for more than there is, catches what it throws, and goes on.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "bookkeeping.h"

namespace {

books all;
volatile std::size_t huge = SIZE_MAX / 4;

int failed_at(int depth) {  // NOLINT(misc-no-recursion)
  if (depth > 0) {
    return failed_at(depth - 1) + 1;
  }
  ::operator delete(::operator new(huge));
  return 0;
}

}  // namespace

extern "C" __attribute__((noinline)) void checkpoint(books* books) { asm volatile("" : : "r"(books) : "memory"); }

int main() {
  checkpoint(&all);
  for (int i = 0; i < 20; ++i) {
    try {
      return failed_at(i);
    } catch (const std::bad_alloc&) {
    }
    // Deeper in the stack than the call that was left, and less deep.
    for (int depth = 0; depth < 3; ++depth) {
      auto* block = new char[100 + depth];
      book_allocation(&all, block, static_cast<std::size_t>(100 + depth));
    }
    book_allocation(&all, std::malloc(10), 10);
  }
  checkpoint(&all);
  return 0;
}
