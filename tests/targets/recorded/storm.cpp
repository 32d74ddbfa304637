// Eight threads that allocate, pass their blocks on and free what they are passed, as fast as they can. Arguments: the
// number of rounds, 0 for no end; the number of children that are forked meanwhile, the last of which ends the rounds.

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "storm.h"

namespace {

constexpr std::size_t kMostKept = 40;

storm all;
std::atomic<std::size_t> mailboxes[kStormThreads];  // a record's number + 1
pthread_barrier_t together;

// What is written before is there before what is written after: for the test, which stops this thread in between.
void in_order() { asm volatile("" : : : "memory"); }

class Thread {
 public:
  explicit Thread(std::size_t number) : number_(number), journal_(all.journals[number]), state_(number * 77 + 1) {}

  void work() {
    for (std::uint64_t round = 0; goes_on(round); ++round) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
          keep();
          break;
        case 3:
        case 4:
          pass_on();
          break;
        case 5:
          change_one();
          break;
        default:
          free_one();
          break;
      }
      if (const auto passed = mailboxes[number_].exchange(0); passed != 0) {
        give_back(passed - 1);
      }
    }
    while (kept_count_ > 0) {
      give_back(kept_[--kept_count_]);
    }
  }

 private:
  std::uint32_t random() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state_ >> 33);
  }

  static bool goes_on(std::uint64_t round) {
    const auto rounds = __atomic_load_n(&all.rounds, __ATOMIC_RELAXED);
    return rounds == 0 || round < rounds;
  }

  // Tells the thread that asked for it, and comes again only when its blocks of that size are long gone.
  std::size_t next_size() {
    constexpr std::size_t kSizes = 1009;
    sizes_ = sizes_ + 1 == kSizes ? 0 : sizes_ + 1;
    return (1 + sizes_ * 377 % kSizes) * 8 + number_;
  }

  void begin(storm_call call, std::size_t record, std::size_t new_size) {
    journal_.record = record;
    journal_.old_address = all.records[record].address;
    journal_.old_size = all.records[record].size;
    journal_.new_size = new_size;
    journal_.allocations_before = journal_.allocations;
    journal_.frees_before = journal_.frees;
    in_order();
    journal_.call = call;
    in_order();
  }

  void end(std::size_t record, void* block, std::size_t size) {
    in_order();
    all.records[record].address = reinterpret_cast<std::uint64_t>(block);
    all.records[record].size = size;
    journal_.allocations += block != nullptr ? 1 : 0;
    journal_.frees += journal_.old_address != 0 ? 1 : 0;
    in_order();
    journal_.call = kStormNone;
    in_order();
  }

  std::size_t make() {
    auto record = number_ * kStormRecords;
    while (__atomic_load_n(&all.records[record].is_taken, __ATOMIC_ACQUIRE) != 0) {
      record = record + 1 == (number_ + 1) * kStormRecords ? number_ * kStormRecords : record + 1;
    }
    all.records[record].is_taken = 1;
    const auto size = next_size();
    begin(kStormAllocate, record, size);
    void* block = nullptr;
    switch (random() % 3) {
      case 0:
        block = std::malloc(size);
        break;
      case 1:
        block = std::calloc(1, size);
        break;
      default:
        block = std::aligned_alloc(64, size);
        break;
    }
    if (block == nullptr) {
      std::abort();
    }
    end(record, block, size);
    std::memset(block, 1, size);
    return record;
  }

  void give_back(std::size_t record) {
    begin(kStormFree, record, 0);
    std::free(reinterpret_cast<void*>(all.records[record].address));
    end(record, nullptr, 0);
    __atomic_store_n(&all.records[record].is_taken, 0, __ATOMIC_RELEASE);
  }

  void keep() {
    if (kept_count_ == kMostKept) {
      free_one();
    }
    kept_[kept_count_++] = make();
  }

  void free_one() {
    if (kept_count_ > 0) {
      const auto which = random() % kept_count_;
      give_back(kept_[which]);
      kept_[which] = kept_[--kept_count_];
    }
  }

  void change_one() {
    if (kept_count_ > 0) {
      const auto record = kept_[random() % kept_count_];
      const auto size = next_size();
      begin(kStormReallocate, record, size);
      void* block = std::realloc(reinterpret_cast<void*>(all.records[record].address), size);
      end(record, block, size);
    }
  }

  void pass_on() {
    const auto made = make();
    if (const auto refused = mailboxes[random() % kStormThreads].exchange(made + 1); refused != 0) {
      give_back(refused - 1);
    }
  }

  std::size_t number_;
  storm_journal& journal_;
  std::uint64_t state_;
  std::size_t sizes_ = 0;
  std::size_t kept_[kMostKept] = {};
  std::size_t kept_count_ = 0;
};

void* work(void* argument) {
  Thread thread(*static_cast<const std::size_t*>(argument));
  pthread_barrier_wait(&together);
  thread.work();
  pthread_barrier_wait(&together);
  pthread_barrier_wait(&together);
  return nullptr;
}

}  // namespace

// Here the test reads what was written down: before the storm, in each child, after the storm.
extern "C" __attribute__((noinline)) void checkpoint(const storm* storm) { asm volatile("" : : "r"(storm) : "memory"); }

namespace {

// A child that has only this thread, whatever the others were at.
void allocate_in_child() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(60);
  checkpoint(&all);
  constexpr std::size_t kBlocks = 1000;
  void* blocks[kBlocks];
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks[i] = std::malloc(i);
  }
  for (std::size_t i = 0; i < kBlocks; i += 2) {
    std::free(blocks[i]);
  }
  checkpoint(&all);
  _exit(0);
}

void fork_children(int count) {
  for (int i = 0; i < count; ++i) {
    const auto child = fork();
    if (child == 0) {
      allocate_in_child();
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
      std::abort();
    }
  }
  if (count > 0) {
    __atomic_store_n(&all.rounds, 1, __ATOMIC_RELAXED);
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  all.rounds = argument_count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 0;
  const auto children = argument_count > 2 ? std::atoi(arguments[2]) : 0;
  pthread_barrier_init(&together, nullptr, kStormThreads + 1);
  pthread_t threads[kStormThreads];
  std::size_t numbers[kStormThreads];
  for (std::size_t i = 0; i < kStormThreads; ++i) {
    numbers[i] = i;
    pthread_create(&threads[i], nullptr, work, &numbers[i]);
  }
  checkpoint(&all);
  pthread_barrier_wait(&together);
  fork_children(children);
  pthread_barrier_wait(&together);
  checkpoint(&all);
  pthread_barrier_wait(&together);
  for (const auto thread : threads) {
    pthread_join(thread, nullptr);
  }
  return 0;
}
