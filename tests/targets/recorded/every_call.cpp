// Every way to get a block and to give it back, with the cases that are none.

#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <new>

#include "bookkeeping.h"

namespace {

books all;
volatile std::size_t huge = SIZE_MAX / 4;
volatile std::size_t zero = 0;

std::uint64_t number(void* block) { return reinterpret_cast<std::uint64_t>(block); }

void* booked(void* block, std::size_t size) {
  book_allocation(&all, block, size);
  return block;
}

void give_back(void* block) {
  const auto address = number(block);
  std::free(block);
  book_free(&all, address);
}

// A realloc that gives a block.
void* resized(void* block, std::size_t size) {
  const auto address = number(block);
  void* moved = std::realloc(block, size);
  book_free(&all, address);
  return booked(moved, size);
}

// A bad_alloc is a block too, while it is under way. Source: Itanium C++ ABI, exception handling, 2.2.1.
void book_exception() {
  constexpr std::size_t kHeader = 128;
  all.allocations += 1;
  all.frees += 1;
  all.allocated += kHeader + sizeof(std::bad_alloc);
}

struct alignas(64) Wide {
  char bytes[192];
};

void c_calls() {
  void* kept = booked(std::malloc(100), 100);
  give_back(booked(std::malloc(101), 101));
  booked(std::malloc(zero), 0);
  give_back(booked(std::malloc(zero), 0));
  std::free(nullptr);
  booked(std::malloc(huge * 3), 1);
  booked(std::calloc(3, 50), 150);
  booked(std::calloc(huge, 5), 1);
  booked(std::calloc(huge, 3), 1);
  booked(std::malloc(3000000), 3000000);  // a mapping of its own
  give_back(booked(std::malloc(3000001), 3000001));

  void* grown = booked(std::realloc(nullptr, 30), 30);
  booked(std::malloc(24), 24);  // in the way
  grown = resized(grown, 5000);
  grown = resized(grown, 20);
  grown = resized(grown, 20);
  grown = resized(grown, 4000000);
  grown = resized(grown, 5000000);
  if (std::realloc(grown, huge * 3) != nullptr) {
    std::abort();
  }
  const auto gone = number(kept);
  if (std::realloc(kept, zero) == nullptr) {
    book_free(&all, gone);
  }
  void* array = booked(reallocarray(nullptr, 7, 9), 63);
  const auto before = number(array);
  array = reallocarray(array, 700, 9);
  book_free(&all, before);
  booked(array, 6300);
  if (reallocarray(array, huge, 5) != nullptr) {
    std::abort();
  }
}

void aligned_calls() {
  void* block = nullptr;
  if (posix_memalign(&block, 256, 300) == 0) {
    booked(block, 300);
  }
  if (posix_memalign(&block, 24, 300) != EINVAL || posix_memalign(&block, 64, huge * 3) != ENOMEM) {
    std::abort();
  }
  booked(std::aligned_alloc(64, 640), 640);
  booked(memalign(128, 77), 77);
  give_back(booked(memalign(4096, 78), 78));
  booked(valloc(79), 79);
  booked(pvalloc(80), 80);
}

void cxx_calls() {
  int* one = new int(1);
  booked(one, sizeof *one);
  auto* many = new char[55];
  booked(many, 55);
  auto* wide = new Wide;
  booked(wide, sizeof *wide);
  auto* wides = new Wide[3];
  booked(wides, 3 * sizeof *wides);
  auto* silent = new (std::nothrow) char[66];
  booked(silent, 66);
  // The C++ library asks for a byte where nothing is wanted.
  booked(::operator new(zero), 1);
  try {
    ::operator delete(::operator new(huge * 3));
    std::abort();
  } catch (const std::bad_alloc&) {
    book_exception();
  }
  if (::operator new(huge * 3, std::nothrow) != nullptr) {
    std::abort();
  }
  book_exception();  // which it throws and catches itself
  for (const auto gone : {number(many), number(wides)}) {
    book_free(&all, gone);
  }
  delete[] many;
  delete[] wides;
}

}  // namespace

// Here the test reads the books.
extern "C" __attribute__((noinline)) void checkpoint(books* books) { asm volatile("" : : "r"(books) : "memory"); }

int main() {
  // What has to be made once for an exception is there before the books begin.
  try {
    throw 1;
  } catch (int) {
  }
  checkpoint(&all);
  c_calls();
  checkpoint(&all);
  aligned_calls();
  checkpoint(&all);
  cxx_calls();
  checkpoint(&all);
  return 0;
}
