// Functions to go around: what each leaves behind, and the ways out of one.

#include <pthread.h>

#include <csetjmp>
#include <cstdlib>
#include <cstring>

namespace {

std::jmp_buf back;
void* kept[100];
int keeps = 0;

void keep(void* block) { kept[keeps++] = block; }

}  // namespace

namespace shapes {

void work(int size) {
  keep(std::malloc(static_cast<std::size_t>(size)));  // site: kept
  std::free(std::malloc(50));
}

void work(char size) {
  keep(std::malloc(static_cast<std::size_t>(size)));  // site: overloaded
}

}  // namespace shapes

void inside() {}

void recurse(int level) {
  keep(std::malloc(100));  // site: level
  if (level > 0) {
    recurse(level - 1);
  } else {
    inside();
  }
  keep(std::malloc(7));  // site: way back
}

// Inlined also where nothing is optimised.
__attribute__((always_inline)) inline void inlined(int size) {
  keep(std::malloc(static_cast<std::size_t>(size)));  // site: inlined
  if (size > 0) {
    inside();
  }
}

void around_inlined() {
  keep(std::malloc(11));
  inlined(300);
  keep(std::malloc(12));  // site: behind inlined
}

void throws() {
  keep(std::malloc(400));  // site: thrown
  try {
    throw 1;
  } catch (char) {
  }
}

void catches() {
  try {
    throws();
  } catch (int) {
    inside();
  }
  keep(std::malloc(13));  // site: after catch
}

void catches_itself() {
  try {
    throw 2;
  } catch (int) {
    keep(std::malloc(500));  // site: caught
  }
}

void jumps() {
  keep(std::malloc(600));  // site: jumped
  std::longjmp(back, 1);
}

void* ends_thread(void*) {
  keep(std::malloc(700));  // site: thread
  pthread_exit(nullptr);
}

// One thread is in it while another one enters and leaves it.
pthread_barrier_t meeting;
void together(bool is_first) {
  keep(std::malloc(is_first ? 800 : 900));  // site: together
  if (is_first) {
    pthread_barrier_wait(&meeting);  // the other one may begin
    pthread_barrier_wait(&meeting);  // it has returned
    keep(std::malloc(850));          // site: met
  }
}

// Both return to the same place.
void meet(bool is_first) { together(is_first); }

void* second(void*) {
  pthread_barrier_wait(&meeting);
  meet(false);
  pthread_barrier_wait(&meeting);
  return nullptr;
}

// What a caller gives back is no growth; each call leaves 10 bytes, and a table grows now and then.
void* answer(int number) {
  keep(std::malloc(10));  // site: leak
  if (number % 4 == 3) {
    keep(std::malloc(64));  // site: table
  }
  return std::malloc(1000);
}

// Keeps nothing.
__attribute__((noinline)) void question() { std::free(std::malloc(1000)); }

void leaves() {
  keep(std::malloc(1100));  // site: last
  std::exit(3);
}

int main(int, char** arguments) {
  const char* what = arguments[1] != nullptr ? arguments[1] : "";
  const auto is = [what](const char* word) { return std::strcmp(what, word) == 0; };
  pthread_barrier_init(&meeting, nullptr, 2);
  pthread_t thread;
  if (is("work")) {
    shapes::work('a');
    shapes::work(200);
  } else if (is("recurse")) {
    recurse(3);
  } else if (is("inlined")) {
    around_inlined();
  } else if (is("catches")) {
    catches();
  } else if (is("catches_itself")) {
    catches_itself();
  } else if (is("jumps")) {
    if (setjmp(back) == 0) {
      jumps();
    }
  } else if (is("thread")) {
    pthread_create(&thread, nullptr, ends_thread, nullptr);
    pthread_join(thread, nullptr);
  } else if (is("together")) {
    pthread_create(&thread, nullptr, second, nullptr);
    meet(true);
    pthread_join(thread, nullptr);
  } else if (is("answer")) {
    for (int i = 0; i < 9; ++i) {
      std::free(answer(i));
    }
  } else if (is("question")) {
    for (int i = 0; i < 9; ++i) {
      question();
    }
  } else if (is("leaves")) {
    leaves();
  }
  return 0;
}
