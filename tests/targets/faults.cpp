// What no program should ask of an allocator, one thing after the other; it lives on, as what the allocator itself sees
// of it is kept from it: the blocks are its own by then, or it is told to die of it at the very end.

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

sigjmp_buf back;
char global[64];

void on_abort(int) { siglongjmp(back, 1); }

// glibc aborts where it sees what it was asked, and holds no lock by then.
template <typename Call>
void survive(Call call) {
  std::signal(SIGABRT, on_abort);
  if (sigsetjmp(back, 1) == 0) {
    call();
  }
  std::signal(SIGABRT, SIG_DFL);
}

__attribute__((noinline)) void free_again(void* block) {
  std::free(block);  // site: again
}

__attribute__((noinline)) void free_first(void* block) {
  std::free(block);  // site: first
}

void* twice() {
  void* block = std::malloc(100);  // site: twice
  free_first(block);
  return block;
}

void double_free() {
  void* block = twice();
  survive([block] { free_again(block); });
}

void inner_free() {
  auto* block = static_cast<char*>(std::malloc(200));  // site: inner block
  std::memset(block, 0, 200);
  survive([block] {
    std::free(block + 40);  // site: inner
  });
}

void foreign_frees() {
  char local[64] = {};
  survive([&local] {
    std::free(local + 16);  // site: stack
  });
  survive([] {
    std::free(global + 16);  // site: global
  });
}

void mismatches() {
  int* one = new int(1);      // site: new
  std::free(one);             // site: new and free
  char* many = new char[30];  // site: new[]
  std::free(many);            // site: new[] and free
  for (int i = 0; i < 3; ++i) {
    void* block = std::malloc(50);  // site: malloc
    ::operator delete(block);       // site: malloc and delete
  }
  char* grown = new char[70];                            // site: grown
  grown = static_cast<char*>(std::realloc(grown, 700));  // site: new and realloc
  std::free(grown);
}

void right() {
  delete new int(2);
  delete[] new char[40];
  std::free(std::realloc(std::malloc(10), 1000));
  ::operator delete(::operator new(3000));
  ::operator delete(::operator new(64, std::align_val_t(64)), std::align_val_t(64));
}

}  // namespace

extern "C" __attribute__((noinline)) void before(void) { asm volatile(""); }
extern "C" __attribute__((noinline)) void finished(void* block) { asm volatile("" : : "r"(block) : "memory"); }

int main(int argc, char**) {
  std::setvbuf(stderr, nullptr, _IONBF, 0);
  right();
  right();
  before();
  double_free();
  inner_free();
  foreign_frees();
  mismatches();
  void* gone = twice();
  finished(gone);
  if (argc > 1) {
    std::free(gone);  // site: last
  }
  return 0;
}
