// Its own operators, of which one is a jump to the other: two bytes, with the next function right behind them.

#include <cstdint>
#include <cstdlib>
#include <new>

asm(R"(
  .text
  .globl _ZdlPv, _ZdlPvm, next
  .type _ZdlPv, @function
  .type _ZdlPvm, @function
  .type next, @function
_ZdlPv:
  jmp free@PLT
  .size _ZdlPv, . - _ZdlPv
_ZdlPvm:
  jmp _ZdlPv
  .size _ZdlPvm, . - _ZdlPvm
next:
  ret
  .size next, . - next
)");

extern "C" {
void next();
[[gnu::noinline]] void checkpoint() { asm volatile("" ::: "memory"); }
}

void* operator new(std::size_t size) { return std::malloc(size); }

int main() {
  checkpoint();
  void* first = operator new(10);
  void* second = operator new(20);
  void* third = operator new(30);
  checkpoint();
  operator delete(first);
  operator delete (second, std::size_t{20});
  checkpoint();
  std::free(third);
  next();
}
