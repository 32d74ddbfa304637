// Blocks that are lost, and blocks that are held in every way there is, and by nothing else.

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif

extern "C" int __lsan_do_recoverable_leak_check() __attribute__((weak));

// What a debugger is asked for by name.
void* global_block;
char* inner_pointer;
std::uintptr_t masked;
std::uintptr_t masked_for_register;
std::uintptr_t masked_for_stack;
std::uintptr_t masked_for_list;

namespace {

constexpr std::uintptr_t kMask = 0x5555'aaaa'5555'aaaa;

struct Node {
  Node* next;
  char data[24];
};

void** mapped;
thread_local void* thread_local_block;
pthread_barrier_t together;

// Nothing of what was done before stays where it was: registers, and the stack below.
void scrub() {
  volatile char used[16384];
  for (volatile char& byte : used) {
    byte = 0;
  }
  asm volatile("" : : : "rbx", "r12", "r13", "r14", "r15", "memory");
}

void lose_list() {
  auto* head = static_cast<Node*>(std::malloc(sizeof(Node)));  // site: list head
  Node* last = head;
  for (int i = 0; i < 4; ++i) {
    last->next = static_cast<Node*>(std::malloc(sizeof(Node)));  // site: list rest
    last = last->next;
  }
  last->next = nullptr;
  masked_for_list = reinterpret_cast<std::uintptr_t>(last) ^ kMask;
}

void lose_cycle() {
  Node* nodes[3];
  for (auto*& node : nodes) {
    node = static_cast<Node*>(std::malloc(sizeof(Node) + 16));  // site: cycle
  }
  for (int i = 0; i < 3; ++i) {
    nodes[i]->next = nodes[(i + 1) % 3];
  }
}

void lose_container() {
  auto* container = new std::map<int, std::string>();  // site: container
  for (int i = 0; i < 10; ++i) {
    container->emplace(i, "short");  // site: element
  }
}

void hide() {
  masked = reinterpret_cast<std::uintptr_t>(std::malloc(100)) ^ kMask;               // site: masked
  masked_for_register = reinterpret_cast<std::uintptr_t>(std::malloc(300)) ^ kMask;  // site: register
}

void hold() {
  auto* head = static_cast<Node*>(std::malloc(sizeof(Node) + 40));  // site: global
  head->next = static_cast<Node*>(std::malloc(sizeof(Node) + 80));  // site: behind global
  head->next->next = head;
  global_block = head;
  inner_pointer = static_cast<char*>(std::malloc(400)) + 100;  // site: inner
  thread_local_block = std::malloc(500);                       // site: thread-local
  mapped = static_cast<void**>(mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mapped[1000] = std::malloc(600);  // site: mapped
}

void* stay(void*) {
  void* volatile local = std::malloc(700);  // site: other stack
  masked_for_stack = reinterpret_cast<std::uintptr_t>(local) ^ kMask;
  pthread_barrier_wait(&together);  // it is made
  pthread_barrier_wait(&together);  // the program ends
  std::free(local);
  return nullptr;
}

void* end(void*) {
  void* volatile local = std::malloc(800);  // site: ended stack
  static_cast<void>(local);
  return nullptr;
}

}  // namespace

void half_done() {}

void finished() {
#ifdef VALGRIND_DO_LEAK_CHECK
  VALGRIND_DO_LEAK_CHECK;
#endif
  if (__lsan_do_recoverable_leak_check != nullptr) {
    __lsan_do_recoverable_leak_check();
  }
}

// With the pointer in a register that every function gives back as it was, and nowhere else.
void finish_with_register() {
  scrub();
  asm volatile(
      "mov %0, %%r12\n"
      "xor %1, %%r12\n"
      "call _Z8finishedv\n"
      :
      : "m"(masked_for_register), "r"(kMask)
      : "r12", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

int main() {
  pthread_t staying;
  pthread_t ending;
  pthread_barrier_init(&together, nullptr, 2);
  pthread_create(&staying, nullptr, stay, nullptr);
  pthread_barrier_wait(&together);
  pthread_create(&ending, nullptr, end, nullptr);
  pthread_join(ending, nullptr);
  lose_list();
  lose_cycle();
  scrub();
  half_done();
  lose_container();
  hide();
  hold();
  scrub();
  finish_with_register();
  pthread_barrier_wait(&together);
  pthread_join(staying, nullptr);
  return 0;
}
