// Four threads that allocate at the same time: 25 blocks each, of a size of each thread's own; half of them freed.

#include <pthread.h>

#include <cstddef>
#include <cstdlib>

namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kBlocks = 25;
pthread_barrier_t together;
void* blocks[kThreads][kBlocks];

void* work(void* argument) {
  const auto number = static_cast<std::size_t>(static_cast<void**>(argument) - &blocks[0][0]) / kBlocks;
  pthread_barrier_wait(&together);
  for (void*& block : blocks[number]) {
    block = std::malloc(100 + number);  // site: thread
  }
  pthread_barrier_wait(&together);
  // Each frees what its neighbour made.
  void** neighbour = blocks[(number + 1) % kThreads];
  for (std::size_t i = 0; i < kBlocks; i += 2) {
    std::free(neighbour[i]);
  }
  return nullptr;
}

}  // namespace

void finished() {}

int main() {
  pthread_t threads[kThreads];
  pthread_barrier_init(&together, nullptr, kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) {
    pthread_create(&threads[i], nullptr, work, &blocks[i][0]);
  }
  for (const pthread_t thread : threads) {
    pthread_join(thread, nullptr);
  }
  finished();
  return 0;
}
