// Allocates in two threads, gives some of it back, and aborts while both are there.

#include <pthread.h>

#include <cstdlib>
#include <new>

namespace {

pthread_barrier_t both;
void* kept[100];

void* work(void*) {
  for (int i = 0; i < 50; ++i) {
    kept[i] = std::malloc(64);  // site: thread
  }
  pthread_barrier_wait(&both);
  pthread_barrier_wait(&both);  // nobody comes
  return nullptr;
}

void fill() {
  for (int i = 50; i < 100; ++i) {
    kept[i] = ::operator new(100);  // site: main
    std::free(std::malloc(300));
  }
}

}  // namespace

int main() {
  pthread_t thread;
  pthread_barrier_init(&both, nullptr, 2);
  pthread_create(&thread, nullptr, work, nullptr);
  pthread_barrier_wait(&both);
  fill();
  std::abort();
}
