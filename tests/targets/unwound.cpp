// Allocator calls that do not return: left by an exception, and by a jump. What follows must be counted as ever.

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

volatile std::size_t huge = SIZE_MAX / 4;
std::jmp_buf back;

void jump_back() { std::longjmp(back, 1); }

void* allocate_and_throw() {
  void* block = std::malloc(701);  // site: before throw
  throw block;
}

}  // namespace

void finished() {}

int main() {
  void* kept[5] = {::operator new(huge * 3, std::nothrow)};  // site: nothrow
  try {
    kept[0] = ::operator new(huge * 2);  // site: bad_alloc
  } catch (const std::bad_alloc&) {
    kept[0] = std::malloc(702);  // site: after bad_alloc
  }
  try {
    kept[1] = allocate_and_throw();
  } catch (void* block) {
    kept[1] = block;
  }
  kept[2] = ::operator new(703);  // site: after throw
  std::set_new_handler(jump_back);
  if (setjmp(back) == 0) {
    kept[3] = ::operator new(huge * 2);  // site: longjmp
  } else {
    kept[3] = ::operator new(704);  // site: after longjmp
  }
  kept[4] = std::malloc(705);  // site: last
  finished();
  std::free(kept[0]);
  std::free(kept[1]);
  ::operator delete(kept[2]);
  ::operator delete(kept[3]);
  std::free(kept[4]);
  return 0;
}
